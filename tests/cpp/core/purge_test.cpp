#include <algorithm>
#include <cstring>

#include "core/allocator/allocator.hpp"
#include "core/allocator/check.hpp"
#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

TEST("a heap that shrinks purges its dirty tail, a step with each free") {
  Allocator allocator({.capacity = 256 << 20});
  const auto tail = [&] { return allocator.blocks().fresh() - allocator.blocks().wilderness(); };
  const auto burst = [&](std::uint64_t bytes) {
    const Allocation block = allocator.allocate(bytes, 8);
    std::memset(allocator.region().address(block.payload), 1,
                std::min<std::uint64_t>(bytes, 1 << 20));
    allocator.release(block.payload, block.usable);
  };
  burst(2 * Purge::kept_bytes - 4096);
  CHECK(tail() > 2 * Purge::kept_bytes - 8192);  // a little more is kept
  burst(std::uint64_t{64} << 20);
  const std::uint64_t steps = (std::uint64_t{64} << 20) / Purge::step_bytes;
  std::uint64_t last = tail();
  for (unsigned turn = 0; turn < 300; ++turn) {
    burst(std::uint64_t{64} << 20);
    CHECK(tail() == last);  // what is used again and again is kept
  }
  for (std::uint64_t step = 0; step < steps + 2 * Purge::frees_per_turn; ++step) {
    const Allocation block = allocator.allocate(5000, 8);
    allocator.release(block.payload, block.usable);
    CHECK(tail() <= last && last - tail() <= Purge::step_bytes + 4096);
    last = tail();
  }
  CHECK(tail() <= Purge::kept_bytes);
  CHECK(tail() > Purge::kept_bytes - 2 * Purge::step_bytes);
  CHECK(allocator.region().resident() < Purge::kept_bytes + (1 << 20));
  const Allocation again = allocator.allocate(std::uint64_t{32} << 20, 8);
  CHECK(again.dirty <= Purge::kept_bytes);
  CHECK(filled_with(allocator.region().address(again.payload + again.dirty),
                    again.usable - again.dirty, std::byte{0}));
  check_invariants(allocator);
}
