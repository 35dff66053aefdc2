#include "core/free_space/free_index.hpp"

#include <map>
#include <vector>

#include "core/region/private_memory.hpp"
#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

struct Fixture {
  explicit Fixture(std::uint64_t capacity) : region(std::make_shared<PrivateMemory>(capacity)) {}

  Region region;
  BlockList list{region};
  FreeIndex index{region, list};

  Offset extend(std::uint64_t size) {
    region.commit(list.wilderness() + size);
    return list.extend(list.wilderness(), {size, State::free, false});
  }
  Offset add(std::uint64_t size) {
    const Offset block = extend(size);
    index.insert(block, size);
    return block;
  }
};

constexpr auto none = [](Offset, Word) { return false; };

}  // namespace

TEST("an empty index finds nothing") {
  const Fixture on(4096);
  for (const std::uint64_t size : {std::uint64_t{24}, std::uint64_t{256}, capacity_limit,
                                   capacity_limit + 8, capacity_limit * 2}) {
    CHECK(!on.index.find(size));
    CHECK(!on.index.search(size, [](Offset, Word) { return true; }));
  }
  CHECK(on.index.largest() == 0);
  on.index.verify_bits();
}

TEST("the index finds a block that is large enough, and every one that is a class larger") {
  Fixture on(32 << 20);
  Random random(1);
  std::map<Offset, std::uint64_t> listed;
  std::vector<std::pair<Offset, std::uint64_t>> spare;
  for (int count = 0; count < 400; ++count) {
    const std::uint64_t size = std::max(smallest_block, align_down(random.size(16), 8));
    spare.emplace_back(on.extend(size), size);
  }
  for (int round = 0; round < 20'000; ++round) {
    if (!spare.empty() && random.one_in(2)) {
      std::swap(spare.back(), spare[random.below(spare.size())]);
      const auto [block, size] = spare.back();
      spare.pop_back();
      on.index.insert(block, size);
      listed.emplace(block, size);
    } else if (!listed.empty() && random.one_in(2)) {
      auto chosen = listed.begin();
      std::advance(chosen, static_cast<std::ptrdiff_t>(random.below(listed.size())));
      on.index.remove(chosen->first, chosen->second);
      spare.emplace_back(*chosen);
      listed.erase(chosen);
    }
    const std::uint64_t wish = std::max(smallest_block, align_down(random.size(17), 8));
    const Hole found = on.index.find(wish);
    std::uint64_t largest = 0;
    for (const auto& [block, size] : listed) largest = std::max(largest, size);
    if (found) {
      CHECK(found.size >= wish && listed.at(found.start) == found.size);
    } else {
      CHECK(largest < wish + wish / second_level + 8);
    }
    CHECK(on.index.largest() == largest);
    const Offset searched =
        on.index.search(wish, [&](Offset, Word word) { return word.size() >= wish; });
    CHECK(static_cast<bool>(searched) == (largest >= wish));
    if (round % 64 == 0) on.index.verify_bits();
  }
  std::size_t seen = 0;
  on.index.search(0, [&](Offset block, Word word) {
    CHECK(listed.at(block) == word.size());
    ++seen;
    return false;
  });
  CHECK(seen == listed.size());
  on.index.clear();
  CHECK(on.index.largest() == 0);
  on.index.verify_bits();
}

TEST("of the blocks in a list it takes the smallest that fits, of equal ones the lowest") {
  Fixture on(1 << 16);
  const Offset low = on.add(1032);
  on.add(1040);
  const Offset high = on.add(1032);
  on.add(1024);
  CHECK(on.index.find(1032).start == low && on.index.find(1032).size == 1032);
  CHECK(on.index.find(1000).size == 1024);  // from the next list
  on.index.remove(low, 1032);
  CHECK(on.index.find(1028 + 4).start == high);
  CHECK(!on.index.find(1048));
}

TEST("what is left of a block takes its place, in its list or in another") {
  for (const std::uint64_t front : {std::uint64_t{64}, std::uint64_t{4096}}) {
    for (int which = 0; which < 3; ++which) {
      Fixture on(1 << 18);
      constexpr std::uint64_t size = 8000;
      const Offset blocks[] = {on.add(size), on.add(size), on.add(size)};
      const Hole hole{blocks[which], size};
      const Hole rest{hole.start + front, size - front};
      on.list.mark(rest.start, {rest.size, State::free, false});
      on.index.replace(hole, rest);
      on.list.mark(hole.start, {front, State::live, false});
      std::map<Offset, std::uint64_t> found;
      on.index.search(0, [&](Offset block, Word word) {
        found.emplace(block, word.size());
        return false;
      });
      CHECK(found.size() == 3 && found.at(rest.start) == rest.size);
      on.index.verify_bits();
    }
  }
}

TEST("links that lie are not followed") {
  for (const std::uint64_t field : {std::uint64_t{8}, std::uint64_t{16}}) {
    for (int which = 0; which < 3; ++which) {
      Fixture on(4096);
      const Offset blocks[] = {on.add(64), on.add(64), on.add(64)};
      const Offset other = on.add(128);
      for (const std::uint64_t lie : {first_block.value - 8, first_block.value + 4, other.value,
                                      blocks[which].value, on.region.end().value, ~0UL}) {
        const std::uint64_t truth = on.region.load(blocks[which] + field);
        on.region.store(blocks[which] + field, lie);
        CHECK_THROWS<Damage>([&] { on.index.search(64, none); });
        CHECK_THROWS<Damage>([&] { on.index.remove(blocks[which], 64); });
        on.region.store(blocks[which] + field, truth);
        on.index.search(64, none);
      }
    }
  }
}

TEST("a bit that lies is found out") {
  Fixture on(4096);
  on.add(64);
  FreeIndexHeader& header = on.region.header().index;
  const FreeIndexHeader truth = header;
  for (unsigned bit = 0; bit < 64; ++bit) {
    header.rows ^= std::uint64_t{1} << bit;
    CHECK_THROWS<Damage>([&] { on.index.verify_bits(); });
    header = truth;
  }
  for (unsigned row = 0; row < first_level; ++row) {
    for (unsigned column = 0; column < second_level; ++column) {
      header.columns[row] ^= 1U << column;
      CHECK_THROWS<Damage>([&] { on.index.verify_bits(); });
      header = truth;
    }
  }
  header.rows = ~std::uint64_t{0};
  CHECK_THROWS<Damage>([&] { static_cast<void>(on.index.find(1024)); });
  CHECK_THROWS<Damage>([&] { static_cast<void>(on.index.largest()); });
}
