#include "core/heap/compaction.hpp"

#include <algorithm>
#include <utility>

namespace rheap {

CompactionFigures Compaction::run(const CompactionBounds& bounds, Owners& owners) {
  Sliding pass(allocator_, handles_, bounds, owners);
  CompactionFigures figures;
  if (bounds.are_none()) {
    pass.slide_all();
    at_ = {};
    figures = pass.figures();
    figures.finished = true;
  } else if (pass.merge()) {
    const Offset end = payload_of(allocator_.blocks().wilderness());
    at_ = pass.slide(at_, end);
    figures = pass.figures();
    figures.finished = at_ >= end;
    if (figures.finished) at_ = {};
  }
  if (figures.finished) low_ = {};
  return figures;
}

void Compaction::make_room(std::uint64_t bytes, std::uint64_t align, Owners& owners) {
  const Request request{allocator_.block_size_for(bytes), align};
  const std::uint64_t needed = align > 8 ? request.size_anywhere() : request.size;
  allocator_.defrag();
  const Counters& counters = allocator_.counters();
  const std::uint64_t blocks = counters.live.blocks + counters.free.blocks;
  if (const std::uint64_t look = blocks * bytes_per_block; look > needed) {
    HandleCursor cursor(handles_);
    if (empty(beside_hole(needed, cursor, owners), cursor, owners)) return;
    const std::uint64_t ample = std::min(look, counters.free.bytes / 2);
    if (ample > needed && gather(ample, owners)) return;
  }
  if (gather(needed, owners)) return;
  // Between walls nothing is large enough. With all that is free there together, what stands in the
  // way of one hole may fit into another.
  Sliding(allocator_, handles_, {}, owners).slide_all();
  empty_cheapest(needed, owners);
}

/// Makes a hole of so many bytes where that costs least; returns whether there is one.
bool Compaction::gather(std::uint64_t needed, Owners& owners) {
  if (empty_cheapest(needed, owners)) return true;
  const Stretch found = cheapest(needed, Way::sliding, owners);
  if (!found) return false;
  Sliding(allocator_, handles_, {}, owners).slide(payload_of(found.begin), payload_of(found.end));
  return largest_room() >= needed;  // aligned blocks may have left gaps
}

bool Compaction::empty_cheapest(std::uint64_t needed, Owners& owners) {
  const Stretch found = cheapest(needed, Way::emptying, owners);
  HandleCursor cursor(handles_);
  return empty(found, cursor, owners);
}

std::optional<Allocation> Compaction::allocate_low(std::uint64_t bytes, std::uint64_t align,
                                                   Owners& owners) {
  const Request request{allocator_.block_size_for(bytes), align};
  if (request.size > largest_low || allocator_.counters().deferred.blocks > merged_for_low) {
    return {};
  }
  allocator_.defrag();
  HandleCursor cursor(handles_);
  const Stretch found = lowest(request.size_anywhere(), cursor, owners);
  const BlockList& blocks = allocator_.blocks();
  if (!empty(found, cursor, owners) || found.begin >= blocks.wilderness()) return {};
  return allocator_.allocate_in({found.begin, blocks.at(found.begin)}, bytes, align);
}

/// Moves the live blocks of a stretch elsewhere; returns whether all found a place. (If not, those
/// that did are there.)
bool Compaction::empty(const Stretch& stretch, HandleCursor& cursor, Owners& owners) {
  if (!stretch) return false;
  const BlockList& blocks = allocator_.blocks();
  const Offset wilderness = blocks.wilderness();
  const bool elsewhere = stretch.end <= wilderness;  // whether the wilderness is
  const Offset end = std::min(stretch.end, wilderness);
  for_each_hole(stretch.begin, end, [&](Block hole) { allocator_.take_hole(hole); });
  Block hand{};
  bool emptied = true;
  for (Offset at = stretch.begin; at < end;) {
    Block block{at, blocks.follow(at)};
    if (block.word.state() == State::live) {
      Handle* const handle = cursor.find(payload_of(at));
      emptied = handle != nullptr && move_elsewhere(*handle, elsewhere, owners);
      if (!emptied) break;
      block.word = blocks.at(at);  // what was made elsewhere may have told it of its neighbour
      allocator_.empty(block);
    }
    at = block.end();
    if (hand) {
      hand.word = blocks.at(hand.start);
      allocator_.join(hand, block.word.size());
    } else {
      hand = block;
    }
  }
  const Offset emptied_to = hand ? hand.end() : stretch.begin;
  for_each_hole(emptied_to, end, [&](Block hole) { allocator_.put_back(hole); });
  if (hand) allocator_.put_back(hand);
  return emptied;
}

bool Compaction::move_elsewhere(Handle& handle, bool wilderness, Owners& owners) {
  const std::optional<Allocation> copy = allocator_.copy_elsewhere(handle, wilderness);
  if (!copy) return false;
  const Offset from = handle.payload;
  handles_.unlink(handle);
  handle.payload = copy->payload;
  handle.usable = copy->usable;
  handles_.link(handle);
  owners.moved(handle, from);
  return true;
}

/// The free blocks in [begin, end).
template <typename Visit>
void Compaction::for_each_hole(Offset begin, Offset end, Visit&& visit) const {
  for (Offset at = begin; at < end;) {
    const Block block{at, allocator_.blocks().follow(at)};
    at = block.end();
    if (block.word.state() == State::free) visit(block);
  }
}

}  // namespace rheap
