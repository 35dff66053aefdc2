#include "core/compaction/compaction.hpp"

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
  Evacuation evacuation(allocator_, handles_, owners);
  const Counters& counters = allocator_.counters();
  const std::uint64_t blocks = counters.live.blocks + counters.free.blocks;
  if (const std::uint64_t look = blocks * bytes_per_block; look > needed) {
    if (evacuation.empty(evacuation.beside_large_hole(needed))) return;
    const std::uint64_t ample = std::min(look, counters.free.bytes / 2);
    if (ample > needed && gather(evacuation, ample, owners)) return;
  }
  if (gather(evacuation, needed, owners)) return;
  // Between immovable blocks nothing is large enough. With all that is free there together, what
  // stands in the way of one hole may fit into another.
  Sliding(allocator_, handles_, {}, owners).slide_all();
  Evacuation again(allocator_, handles_, owners);
  again.empty(again.cheapest(needed, Evacuation::Way::elsewhere));
}

/// Makes a hole of so many bytes where that costs least; returns whether there is one.
bool Compaction::gather(Evacuation& evacuation, std::uint64_t needed, Owners& owners) {
  if (evacuation.empty(evacuation.cheapest(needed, Evacuation::Way::elsewhere))) return true;
  const BlockRange found = evacuation.cheapest(needed, Evacuation::Way::sliding);
  if (!found) return false;
  Sliding(allocator_, handles_, {}, owners).slide(payload_of(found.begin), payload_of(found.end));
  return evacuation.largest_room() >= needed;  // aligned blocks may have left gaps
}

std::optional<Allocation> Compaction::allocate_low(std::uint64_t bytes, std::uint64_t align,
                                                   Owners& owners) {
  const Request request{allocator_.block_size_for(bytes), align};
  if (request.size > largest_low || allocator_.counters().deferred.blocks > merged_for_low) {
    return {};
  }
  allocator_.defrag();
  Evacuation evacuation(allocator_, handles_, owners);
  const BlockRange found = evacuation.lowest(request.size_anywhere(), low_);
  const BlockList& blocks = allocator_.blocks();
  if (!evacuation.empty(found) || found.begin >= blocks.wilderness()) return {};
  return Relocation(allocator_).allocate_in({found.begin, blocks.at(found.begin)}, bytes, align);
}

}  // namespace rheap
