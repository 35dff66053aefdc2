#include <algorithm>
#include <iterator>
#include <vector>

#include "core/allocator/allocator.hpp"
#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

// How many blocks an operation may visit, merge and cut, whatever is in the heap. A request looks
// at a few holes, and at those beside the hole that it takes out of a list; before the heap grows
// it merges some deferred blocks, each with a look at what it joins.
constexpr Work bound{64, Allocator::merges_per_growth * 3UL, 2};
constexpr Work bound_of_release{64, (1 + Allocator::merges_per_free) * 3UL, 0};

struct Most {
  Work work;
  void take(const Work& before, const Work& after) {
    work.visited = std::max(work.visited, after.visited - before.visited);
    work.merged = std::max(work.merged, after.merged - before.merged);
    work.split = std::max(work.split, after.split - before.split);
  }
  [[nodiscard]] bool within(const Work& most) const {
    return work.visited <= most.visited && work.merged <= most.merged && work.split <= most.split;
  }
};

struct Worst {
  Most allocate;
  Most release;
};

/// Fills the heap with small blocks, frees most of them so that nothing is merged, then asks for
/// larger ones, aligned and not, as long as the wilderness is there for them.
Worst worst_in_a_heap_of(std::uint64_t capacity, Coalesce coalesce) {
  Allocator allocator({.capacity = capacity, .coalesce = coalesce});
  Random random(capacity);
  Worst worst;
  std::vector<Allocation> blocks;
  const auto allocate = [&](std::uint64_t bytes, std::uint64_t align) {
    const Work before = allocator.work();
    blocks.push_back(allocator.allocate(bytes, align));
    worst.allocate.take(before, allocator.work());
  };
  const auto release = [&](std::size_t number) {
    std::swap(blocks[number], blocks.back());
    const Work before = allocator.work();
    allocator.release(blocks.back().payload, blocks.back().usable);
    worst.release.take(before, allocator.work());
    blocks.pop_back();
  };
  const auto left = [&] { return allocator.region().end() - allocator.blocks().wilderness(); };
  for (int round = 0; round < 2; ++round) {
    while (left() > capacity / 10) allocate(random.size(9), 8);
    while (blocks.size() > 20) release(random.below(blocks.size()));
    while (left() > capacity / 20 && blocks.size() < 400) {
      allocate(random.size(11), random.one_in(3) ? random.align(6) : 8);
    }
  }
  return worst;
}

}  // namespace

TEST("the work of one operation has a bound whatever the heap's size") {
  for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
    for (const std::uint64_t capacity : {64UL << 10, 128UL << 10, 256UL << 10}) {
      const Worst worst = worst_in_a_heap_of(capacity, coalesce);
      CHECK(worst.allocate.within(bound));
      CHECK(worst.release.within(bound_of_release));
      if (coalesce == Coalesce::deferred && capacity == 256 << 10) {
        CHECK(worst.allocate.work.merged > 0);  // it was put to the test
        CHECK(worst.release.work.merged > 0);
      }
    }
  }
}

TEST("no operation on a heap with room visits more than 64 blocks, whatever came before") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Allocator allocator({.capacity = 64 << 20});
    Random random(seed);
    const unsigned bits = 6 + static_cast<unsigned>(seed % 10);
    std::vector<Allocation> blocks;
    for (int step = 0; step < 3000; ++step) {
      const Work before = allocator.work();
      const bool grow = random.one_in(2) == (step / 500 % 2 == 0);
      if (blocks.empty() || grow) {
        blocks.push_back(
            allocator.allocate(random.size(bits), random.one_in(20) ? random.align(8) : 8));
      } else {
        std::swap(blocks[random.below(blocks.size())], blocks.back());
        const Allocation block = blocks.back();
        blocks.pop_back();
        if (random.one_in(5)) {
          const std::uint64_t bytes = random.size(bits);
          blocks.push_back(allocator.resize(block.payload, block.usable, block.usable, bytes, 8));
          const bool moved = blocks.back().payload != block.payload;
          CHECK(allocator.work().visited - before.visited <= 64);
          if (!moved) continue;
        }
        const Work between = allocator.work();
        allocator.release(block.payload, block.usable);
        CHECK(allocator.work().visited - between.visited <= 64);
        continue;
      }
      CHECK(allocator.work().visited - before.visited <= 64);
    }
  }
}
