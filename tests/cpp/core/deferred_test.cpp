#include "core/free_space/deferred.hpp"

#include <set>
#include <vector>

#include "core/region/private_memory.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

struct Fixture {
  Region region{std::make_shared<PrivateMemory>(1 << 20)};
  BlockList list{region};
  Deferred deferred{region, list};

  Offset make(std::uint64_t size) {
    region.commit(list.wilderness() + size);
    return list.extend(list.wilderness(), {size, State::deferred, false});
  }
  Offset push(std::uint64_t size) {
    const Offset block = make(size);
    deferred.push(block, size);
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
  for (const std::uint64_t size : {std::uint64_t{64}, quick_limit}) {
    while (payload_of(on.list.wilderness()).value % 256 != 8) on.make(smallest_block);
    const Offset block = on.push(size);
    CHECK(!on.deferred.pop(size, 16) && !on.deferred.pop(size, 256));
    CHECK(on.deferred.pop(size, 8).start == block);
  }
}

TEST("only small blocks are taken in") {
  CHECK(Deferred::takes(smallest_block) && Deferred::takes(quick_limit));
  CHECK(!Deferred::takes(quick_limit + 8));
  Fixture on;
  CHECK(!on.deferred.pop(quick_limit + 8, 8) && !on.deferred.pop(capacity_limit, 8));
}

TEST("pop_largest takes each block once, those of large sizes first") {
  Fixture on;
  std::set<Offset> blocks;
  for (std::uint64_t size = smallest_block; size <= quick_limit; size += 8) {
    blocks.insert(on.push(size));
    blocks.insert(on.push(size));
  }
  std::uint64_t last = capacity_limit;
  for (std::size_t left = blocks.size(); left > 0; --left) {
    const Block block = on.deferred.pop_largest();
    CHECK(blocks.erase(block.start) == 1);
    CHECK(block.word.size() <= last);
    last = block.word.size();
  }
  CHECK(!on.deferred.pop_largest() && on.deferred.empty() && on.listed().empty());
}

TEST("a bit for a list that is empty costs time only; a list without its bit is found out") {
  Fixture on;
  const Offset block = on.push(512);
  on.region.header().deferred.lists.fill(0);
  CHECK_THROWS<Damage>([&] { static_cast<void>(on.listed()); });
  on.region.header().deferred.lists.fill(~std::uint64_t{0});
  CHECK(on.listed().size() == 1);
  CHECK(on.deferred.pop_largest().start == block);
  CHECK(!on.deferred.pop_largest() && on.deferred.empty());
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
