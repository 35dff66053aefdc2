#include <algorithm>
#include <vector>

#include "core/allocator/allocator.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

std::vector<Allocation> small_blocks(Allocator& allocator, std::size_t count) {
  std::vector<Allocation> blocks(count);
  for (Allocation& block : blocks) block = allocator.allocate(56, 8);
  return blocks;
}

}  // namespace

TEST("a heap about to grow merges a few, and each free then a few more, until it owes no more") {
  Allocator allocator({.capacity = 1 << 20});
  const std::vector<Allocation> blocks = small_blocks(allocator, 2000);
  for (std::size_t each = 0; each < 1000; each += 2) {
    allocator.release(blocks[each].payload, blocks[each].usable);
  }
  std::uint64_t deferred = allocator.counters().deferred.blocks;
  CHECK(deferred == 500);
  allocator.allocate(5000, 8);
  deferred -= Allocator::merges_per_growth;
  CHECK(allocator.counters().deferred.blocks == deferred);
  for (std::size_t each = 1000; deferred > 0; each += 2) {
    allocator.release(blocks[each].payload, blocks[each].usable);
    deferred = deferred + 1 - std::min<std::uint64_t>(deferred + 1, Allocator::merges_per_free);
    CHECK(allocator.counters().deferred.blocks == deferred ||
          allocator.region().header().deferred.owed == 0);
    deferred = allocator.region().header().deferred.owed == 0 ? 0 : deferred;
  }
  const std::uint64_t left = allocator.counters().deferred.blocks;
  allocator.release(blocks[1998].payload, blocks[1998].usable);
  CHECK(allocator.counters().deferred.blocks == left + 1);
}

TEST("a large block that comes back while much is deferred makes the heap owe some merges") {
  for (const std::size_t freed : {10U, 100U}) {
    Allocator allocator({.capacity = 1 << 20});
    const std::vector<Allocation> blocks = small_blocks(allocator, 400);
    const Allocation large = allocator.allocate(5000, 8);
    const Allocation wall = allocator.allocate(8, 8);
    for (std::size_t each = 0; each < freed; ++each) {
      allocator.release(blocks[2 * each].payload, blocks[2 * each].usable);
    }
    CHECK(allocator.counters().deferred.blocks == freed);
    allocator.release(large.payload, large.usable);
    const bool much = freed == 100;
    CHECK(allocator.region().header().deferred.owed ==
          (much ? Allocator::merges_per_large - Allocator::merges_per_free : 0));
    CHECK(allocator.counters().deferred.blocks == freed - (much ? Allocator::merges_per_free : 0));
    allocator.release(wall.payload, wall.usable);
    CHECK(allocator.region().header().deferred.owed == 0);
  }
}

TEST("a heap never owes more than is deferred, however many large blocks come and go") {
  Allocator allocator({.capacity = 1 << 20});
  const std::vector<Allocation> blocks = small_blocks(allocator, 200);
  const Allocation large = allocator.allocate(5000, 8);
  allocator.allocate(8, 8);
  for (const Allocation& block : blocks) allocator.release(block.payload, block.usable);
  allocator.release(large.payload, large.usable);
  for (int turn = 0; turn < 100; ++turn) {
    const Allocation again = allocator.allocate(5000, 8);
    allocator.release(again.payload, again.usable);
    CHECK(allocator.region().header().deferred.owed <= allocator.counters().deferred.blocks);
  }
}

TEST("a block that grows in place into fresh bytes makes the heap owe merges, as any growth does") {
  Allocator allocator({.capacity = 1 << 20});
  const std::vector<Allocation> blocks = small_blocks(allocator, 20);
  const Allocation last = allocator.allocate(5000, 8);
  for (const Allocation& block : blocks) allocator.release(block.payload, block.usable);
  const std::uint64_t& owed = allocator.region().header().deferred.owed;
  CHECK(owed == 0);
  const Allocation grown = allocator.resize(last.payload, last.usable, 5000, 6000, 8);
  CHECK(grown.payload == last.payload && owed == 20);
  const Allocation shrunk = allocator.resize(grown.payload, grown.usable, 6000, 5000, 8);
  Memory::store(allocator.region().header().deferred.owed, std::uint64_t{0});
  allocator.resize(shrunk.payload, shrunk.usable, 5000, 5500, 8);
  CHECK(owed == 0);  // it was as large before
}

TEST("a heap that was larger before merges nothing") {
  Allocator allocator({.capacity = 1 << 20});
  const std::vector<Allocation> blocks = small_blocks(allocator, 2000);
  const Allocation top = allocator.allocate(50'000, 8);
  allocator.release(top.payload, top.usable);
  allocator.defrag();
  for (std::size_t each = 100; each < 1000; each += 2) {
    allocator.release(blocks[each].payload, blocks[each].usable);
  }
  allocator.allocate(40'000, 8);
  CHECK(allocator.counters().deferred.blocks == 450);
}
