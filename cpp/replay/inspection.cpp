#include "replay/inspection.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/allocator/check.hpp"

namespace rheap::replay {

namespace {

/// Payloads up to this size are filled whole, larger ones so far at both ends: programs reserve
/// more than they use, and memory that nobody wrote costs none.
constexpr std::uint64_t whole = std::uint64_t{1} << 20;

/// Calls `visit(begin, end)` for what is filled of a payload of `bytes`, of its first `upto`.
template <typename Visit>
void for_each_part(std::uint64_t bytes, std::uint64_t upto, Visit&& visit) {
  visit(std::uint64_t{0}, std::min(upto, whole));
  if (bytes <= whole) return;
  const std::uint64_t tail = std::max(align_down(bytes - whole, 8), whole);
  if (tail < upto) visit(tail, upto);
}

/// Eight bytes that differ between blocks, and from one place in a block to the next.
std::array<std::byte, 8> pattern(std::uint64_t number, std::uint64_t place) {
  // Odd constants, those of SplitMix64: every bit of either changes the product.
  const std::uint64_t bits = (number + 1) * 0x9E3779B97F4A7C15U ^ place * 0xBF58476D1CE4E5B9U;
  return std::bit_cast<std::array<std::byte, 8>>(bits);
}

}  // namespace

Inspection::Inspection(const Trace& trace, const Allocator::Options& options)
    : trace_(trace),
      peak_(trace.demand().operation),
      allocator_(options),
      handles_(allocator_.region().end()),
      blocks_(trace.slots()) {}

std::optional<Offset> Inspection::step() {
  const Operation& operation = trace_.operations()[position_];
  const Work before = allocator_.work();
  moved_.clear();
  const std::optional<Offset> place = play(operation);
  if (operation.kind() != Kind::compact) count(before, operation.is_request());
  figures_.peak_live_bytes = std::max(figures_.peak_live_bytes, live_bytes_);
  if (position_ == peak_) figures_.at_peak = free_space();
  ++position_;
  return place;
}

std::optional<Offset> Inspection::play(const Operation& operation) {
  if (operation.kind() == Kind::compact) {
    compact(operation.bytes());
    return std::nullopt;
  }
  TracedBlock& block = blocks_[operation.slot()];
  if (operation.kind() == Kind::allocate) {
    block.number = allocations_++;
    return allocate(block, operation.bytes());
  }
  if (!block.payload) return std::nullopt;
  if (operation.kind() == Kind::resize) return resize(block, operation.bytes());
  release(block);
  return std::nullopt;
}

void Inspection::count(const Work& before, bool request) {
  const Work& after = allocator_.work();
  const std::uint64_t visited = after.visited - before.visited;
  const std::uint64_t changed = after.merged - before.merged + after.split - before.split;
  figures_.work_most = std::max(figures_.work_most, visited + changed);
  figures_.visited_most = std::max(figures_.visited_most, visited);
  if (request) figures_.visited += visited;
}

std::optional<Offset> Inspection::allocate(TracedBlock& block, std::uint64_t bytes) {
  ++figures_.requests;
  try {
    const Allocation made = allocator_.allocate(bytes, 8);
    note_served(block, made, bytes);
    return made.payload;
  } catch (const Exhausted&) {
    ++figures_.failed;
    return std::nullopt;
  }
}

std::optional<Offset> Inspection::resize(TracedBlock& block, std::uint64_t bytes) {
  ++figures_.requests;
  const Offset old = block.payload;
  verify(block, old, block.bytes);
  try {
    const Allocation made = allocator_.resize(old, block.usable, block.bytes, bytes, 8);
    verify(block, made.payload, std::min(bytes, block.bytes));
    if (made.payload != old) {
      count_blocks(block_bytes_ + trace::block_bytes(bytes));
      release(block);
    } else {
      handles_.unlink(block);
      block_bytes_ -= trace::block_bytes(block.bytes);
    }
    note_served(block, made, bytes);
    return made.payload;
  } catch (const Exhausted&) {
    ++figures_.failed;
    return std::nullopt;
  }
}

void Inspection::note_served(TracedBlock& block, const Allocation& made, std::uint64_t bytes) {
  live_bytes_ += bytes - block.bytes;
  block_bytes_ += trace::block_bytes(bytes);
  count_blocks(block_bytes_);
  block.payload = made.payload;
  block.usable = made.usable;
  block.bytes = bytes;
  handles_.link(block);
  fill(block);
}

void Inspection::release(TracedBlock& block) {
  verify(block, block.payload, block.bytes);
  handles_.unlink(block);
  allocator_.release(block.payload, block.usable);
  live_bytes_ -= block.bytes;
  block_bytes_ -= trace::block_bytes(block.bytes);
  block.bytes = 0;
  block.payload = {};
}

void Inspection::compact(std::uint64_t most) {
  const std::uint64_t bytes = most == Operation::unbounded ? CompactionBounds::none : most;
  moved_.reserve(handles_.count());  // `moved` must not throw
  compaction_.run({.bytes = bytes}, *this);
  for (const Moved& each : moved_) {
    const TracedBlock& block = blocks_[each.slot];
    verify(block, block.payload, block.bytes);
  }
}

void Inspection::moved(Handle& handle, Offset from) noexcept {
  const auto slot = &static_cast<TracedBlock&>(handle) - blocks_.data();
  moved_.push_back({static_cast<std::uint32_t>(slot), from});
}

void Inspection::verify() const {
  for (const TracedBlock& block : blocks_) {
    if (block.payload) verify(block, block.payload, block.bytes);
  }
  check_invariants(allocator_);
}

void Inspection::fill(const TracedBlock& block) {
  std::byte* const payload = allocator_.region().address(block.payload);
  for_each_part(block.bytes, block.bytes, [&](std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t at = begin; at < end; at += 8) {
      const auto word = pattern(block.number, at);
      std::memcpy(payload + at, word.data(), std::min<std::uint64_t>(8, end - at));
    }
  });
}

void Inspection::verify(const TracedBlock& block, Offset place, std::uint64_t bytes) const {
  const std::byte* const payload = allocator_.region().address(place);
  for_each_part(block.bytes, bytes, [&](std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t at = begin; at < end; at += 8) {
      const auto word = pattern(block.number, at);
      if (std::memcmp(payload + at, word.data(), std::min<std::uint64_t>(8, end - at)) != 0) {
        throw Damage(place + at, "a payload as it was written");
      }
    }
  });
}

FreeSpaces Inspection::free_space() const {
  const BlockList& blocks = allocator_.blocks();
  FreeSpaces found;
  blocks.walk([&](Offset, Word word) { found.block(word); });
  found.wilderness(allocator_.region().end() - blocks.wilderness());
  return found;
}

Inspection::RunFigures Inspection::figures() const {
  RunFigures figures = figures_;
  figures.extent = allocator_.blocks().fresh() - allocator_.blocks().first();
  figures.at_end = free_space();
  return figures;
}

}  // namespace rheap::replay
