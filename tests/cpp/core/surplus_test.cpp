#include <algorithm>
#include <cstring>

#include "core/heap/allocator.hpp"
#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

TEST("a heap that shrinks gives its surplus back, a step with each free") {
  Allocator allocator({.capacity = 256 << 20});
  const auto surplus = [&] { return allocator.blocks().fresh() - allocator.blocks().wilderness(); };
  const auto burst = [&](std::uint64_t bytes) {
    const Allocation block = allocator.allocate(bytes, 8);
    std::memset(allocator.region().address(block.payload), 1,
                std::min<std::uint64_t>(bytes, 1 << 20));
    allocator.release(block.payload, block.usable);
  };
  burst(2 * Allocator::surplus_kept - 4096);
  CHECK(surplus() > 2 * Allocator::surplus_kept - 8192);  // a little more is kept
  burst(std::uint64_t{64} << 20);
  const std::uint64_t steps = (std::uint64_t{64} << 20) / Allocator::surplus_step;
  std::uint64_t last = surplus();
  for (unsigned turn = 0; turn < 300; ++turn) {
    burst(std::uint64_t{64} << 20);
    CHECK(surplus() == last);  // what is used again and again is kept
  }
  for (std::uint64_t step = 0; step < steps + 2 * Allocator::surplus_patience; ++step) {
    const Allocation block = allocator.allocate(5000, 8);
    allocator.release(block.payload, block.usable);
    CHECK(surplus() <= last && last - surplus() <= Allocator::surplus_step + 4096);
    last = surplus();
  }
  CHECK(surplus() <= Allocator::surplus_kept);
  CHECK(surplus() > Allocator::surplus_kept - 2 * Allocator::surplus_step);
  CHECK(allocator.region().resident() < Allocator::surplus_kept + (1 << 20));
  const Allocation again = allocator.allocate(std::uint64_t{32} << 20, 8);
  CHECK(again.dirty <= Allocator::surplus_kept);
  CHECK(filled_with(allocator.region().address(again.payload + again.dirty),
                    again.usable - again.dirty, std::byte{0}));
  allocator.check();
}
