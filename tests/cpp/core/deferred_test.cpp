#include "core/free_space/deferred.hpp"

#include <set>
#include <vector>

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

struct Fixture {
  Region region{1 << 20, system::Sharing::alone};
  BlockList list{region};
  Deferred deferred{region, list};

  Offset make(std::uint64_t size) {
    region.commit(list.wilderness() + size);
    return list.extend(list.wilderness(), {size, State::deferred, false});
  }
  Offset push(std::uint64_t size) {
    const Offset block = make(size);
    CHECK(!deferred.push(block, size).block);
    return block;
  }
  [[nodiscard]] std::set<Offset> listed() const {
    std::set<Offset> found;
    deferred.for_each(1000, [&](Offset block, Word) { found.insert(block); });
    return found;
  }
};

}  // namespace

TEST("a deferred block serves the next request of its size, the last one first") {
  Fixture on;
  for (const std::uint64_t size : {smallest_block + 8, std::uint64_t{64}, quick_limit}) {
    const Offset older = on.push(size);
    const Offset newer = on.push(size);
    CHECK((on.listed() == std::set{older, newer}));
    CHECK(!on.deferred.pop(size + 8, 8) && !on.deferred.pop(size - 8, 8));
    const Block block = on.deferred.pop(size, 8);
    CHECK(block.start == newer && block.word.size() == size);
    CHECK(block.word.state() == State::deferred);
    CHECK(on.deferred.pop(size, 8).start == older);
    CHECK(!on.deferred.pop(size, 8) && on.listed().empty());
  }
}

TEST("a deferred block is taken only when it is aligned") {
  Fixture on;
  for (const std::uint64_t size : {std::uint64_t{64}, std::uint64_t{4096}}) {
    while (payload_of(on.list.wilderness()).value % 256 != 8) on.make(smallest_block);
    const Offset block = on.push(size);
    CHECK(!on.deferred.pop(size, 16) && !on.deferred.pop(size, 256));
    CHECK(on.deferred.pop(size, 8).start == block);
  }
}

TEST("large blocks park, and the oldest gives way") {
  Fixture on;
  std::vector<Offset> parked;
  for (std::uint64_t slot = 0; slot < parking_slots; ++slot) {
    parked.push_back(on.push(quick_limit + 8 + slot * 8));
  }
  for (std::uint64_t slot = 0; slot < parking_slots; ++slot) {
    const Offset block = on.make(8192);
    const Block gives_way = on.deferred.verified(on.deferred.push(block, 8192));
    CHECK(gives_way.start == parked[slot]);
    CHECK(gives_way.word.size() == quick_limit + 8 + slot * 8);
  }
  CHECK(on.listed().size() == parking_slots);
  CHECK(!on.deferred.pop(quick_limit + 8, 8));
  CHECK(on.deferred.pop(8192, 8));
}

TEST("pop_any takes each block once, parked ones and large sizes first") {
  Fixture on;
  std::set<Offset> blocks;
  for (std::uint64_t size = smallest_block; size <= quick_limit + 80; size += 8) {
    blocks.insert(on.push(size));
  }
  const std::uint64_t start = quick_lists - 1;
  on.region.header().deferred.cursor = start;
  std::uint64_t last = capacity_limit;
  for (std::size_t left = blocks.size(); left > 0; --left) {
    const Block block = on.deferred.pop_any();
    CHECK(blocks.erase(block.start) == 1);
    if (block.word.size() <= quick_limit) {
      CHECK(block.word.size() < last);
      last = block.word.size();
    }
  }
  CHECK(!on.deferred.pop_any() && blocks.empty() && on.listed().empty());
}

TEST("pop_any finds the last block wherever its cursor stands") {
  Fixture on;
  const Offset block = on.push(512);
  for (std::uint64_t cursor = 0; cursor < quick_lists + 200; ++cursor) {
    on.region.header().deferred.cursor = cursor;
    CHECK(on.deferred.pop_any().start == block);
    CHECK(!on.deferred.push(block, 512).block);
  }
}

TEST("a list of deferred blocks that lies is found out") {
  Fixture on;
  const Offset other = on.push(128);
  const Offset live = on.list.extend(on.list.wilderness(), {64, State::live, false});
  on.push(64);
  for (const std::uint64_t lie : {other.value, live.value, first_block.value - 8, ~7UL}) {
    on.region.header().deferred.heads[(64 - smallest_block) / 8] = {lie};
    CHECK_THROWS<Damage>([&] { static_cast<void>(on.deferred.pop(64, 8)); });
    CHECK_THROWS<Damage>([&] { static_cast<void>(on.listed()); });
  }
}

TEST("a list that runs in circles ends") {
  Fixture on;
  const Offset first = on.push(64);
  const Offset second = on.push(64);
  on.region.store(first + 8, second.value);
  CHECK_THROWS<Damage>([&] { static_cast<void>(on.listed()); });
}
