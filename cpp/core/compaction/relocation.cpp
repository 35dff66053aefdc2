#include "core/compaction/relocation.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/region/block_move.hpp"
#include "core/system/refused.hpp"

namespace rheap {

bool Relocation::merge_some(std::uint64_t most) {
  const std::uint64_t before = allocator_.count().deferred.blocks;
  allocator_.merge_deferred(most);
  return before - allocator_.count().deferred.blocks == most;
}

void Relocation::detach(Block hole) {
  allocator_.placement_.verify_remove(hole.start, hole.word.size());
  allocator_.remove_free(hole.start, hole.word.size());
  unpoison(hole);
}

void Relocation::attach(Block hole) {
  if (allocator_.fenced()) {
    allocator_.fill(payload_of(hole.start), hole.word.size() - word_bytes, fence::freed_pattern);
  }
  allocator_.merge(hole);
}

void Relocation::empty(Block& block) {
  block.word = block.word.with(State::free);
  allocator_.blocks_.mark(block.start, block.word);
}

Offset Relocation::slide(Block& hole, Block live, std::uint64_t align) {
  const Offset start = Request{live.word.size(), align}.start_in(hole.start);
  if (const std::uint64_t gap = start - hole.start; gap > 0) {
    allocator_.blocks_.split(hole.start, hole.word, gap, State::free);
    allocator_.add_free(hole.start, gap);
    hole = {start, {hole.word.size() - gap, State::free, true}};
  }
  hole = move_down(allocator_.region_, allocator_.blocks_, hole, live);
  return payload_of(start);
}

std::optional<Allocation> Relocation::copy_elsewhere(const Handle& handle, bool wilderness) {
  const Block live = allocator_.verify_live(handle.payload, handle.usable);
  const Block copy = find_place({live.word.size(), handle.align}, wilderness);
  if (!copy) return {};
  Region& region = allocator_.region_;
  const Offset payload = payload_of(copy.start);
  const std::uint64_t usable = copy.word.size() - allocator_.overhead();
  region.unpoison(payload, copy.word.size() - word_bytes);
  std::memcpy(region.address(payload), region.address(handle.payload), handle.usable);
  if (allocator_.fenced()) allocator_.raise_fence(payload, usable, handle.bytes);
  Counters& counted = allocator_.count();
  counted.live.bytes += usable - handle.usable;
  counted.peak_live_bytes = std::max(counted.peak_live_bytes, counted.live.bytes);
  return Allocation{payload, usable, handle.bytes};
}

/// Where a block that moves fits without growing the heap, then where it fits.
Block Relocation::find_place(Request request, bool wilderness) {
  Placement& placement = allocator_.placement_;
  Hole hole = placement.find(request);
  if (!hole) hole = placement.choose(request, {});
  if (!hole) hole = placement.search(request);
  if (!hole && wilderness && request.fits(placement.wilderness())) hole = placement.wilderness();
  if (!hole) return {};
  try {
    return allocator_.occupy(hole, request);
  } catch (const SystemRefused&) {
    return {};
  }
}

Allocation Relocation::allocate_in(Block hole, std::uint64_t bytes, std::uint64_t align) {
  const Request request{allocator_.block_size_for(bytes), align};
  return allocator_.finish(allocator_.occupy({hole.start, hole.word.size()}, request), bytes,
                           bytes);
}

void DetachedHole::take_in(Block block) {
  if (hole_) return relocation_.join(hole_, block.word.size());
  if (block.word.state() != State::free) relocation_.empty(block);
  hole_ = block;
}

void DetachedHole::attach() {
  if (hole_) relocation_.attach(std::exchange(hole_, {}));
}

}  // namespace rheap
