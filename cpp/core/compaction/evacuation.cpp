#include "core/compaction/evacuation.hpp"

#include <algorithm>
#include <deque>

namespace rheap {

/// Whether a live block may move, and is no larger than `most`, beyond which it fits nowhere.
bool Evacuation::may_leave(Block block, std::uint64_t most, HandleCursor& cursor) const {
  const Handle* handle = cursor.find(payload_of(block.start));
  return handle != nullptr && block.word.size() <= most && owners_.may_move(*handle);
}

std::uint64_t Evacuation::largest_room() const {
  return std::max(allocator_.largest_hole(),
                  allocator_.region().end() - allocator_.blocks().wilderness());
}

BlockRange Evacuation::cheapest(std::uint64_t needed, Way way) const {
  struct Neighbour {
    Offset start;
    std::uint64_t yield;
    std::uint64_t cost;
  };
  const Region& region = allocator_.region();
  const Offset wilderness = allocator_.blocks().wilderness();
  const std::uint64_t most = way == Way::sliding ? ~std::uint64_t{0} : largest_room();
  std::deque<Neighbour> run;
  std::uint64_t yield = 0;
  std::uint64_t cost = 0;
  BlockRange best;
  const auto add = [&](Offset start, std::uint64_t size, bool live) {
    run.push_back({start, live && way == Way::sliding ? 0 : size, live ? size : 0});
    yield += run.back().yield;
    cost += run.back().cost;
    while (yield - run.front().yield >= needed) {
      yield -= run.front().yield;
      cost -= run.front().cost;
      run.pop_front();
    }
    if (yield >= needed && cost < best.cost) best = {run.front().start, start + size, cost};
  };
  HandleCursor cursor(handles_);
  allocator_.blocks().walk([&](Offset block, Word word) {
    const bool live = word.state() == State::live;
    if (live && !may_leave({block, word}, most, cursor)) {
      run.clear();
      yield = cost = 0;
    } else {
      add(block, word.size(), live);
    }
  });
  if (wilderness < region.end()) add(wilderness, region.end() - wilderness, false);
  return best;
}

BlockRange Evacuation::beside_large_hole(std::uint64_t needed) const {
  HandleCursor cursor(handles_);
  const BlockList& blocks = allocator_.blocks();
  const std::uint64_t most = largest_room();
  const Hole hole = allocator_.find_hole(allocator_.largest_hole() / 8 * 7);
  if (!hole) return {};
  BlockRange range{.begin = hole.start, .end = hole.start, .cost = 0};
  for (unsigned seen = 0; seen < seen_beside_hole && range.end < blocks.wilderness(); ++seen) {
    const Block block{range.end, blocks.follow(range.end)};
    if (block.word.state() == State::live) {
      if (!may_leave(block, most, cursor)) return {};
      range.cost += block.word.size();
    }
    range.end = block.end();
    if (range.end - range.begin >= needed) return range;
  }
  return {};
}

BlockRange Evacuation::lowest(std::uint64_t needed, Offset& from) const {
  HandleCursor cursor(handles_);
  const BlockList& blocks = allocator_.blocks();
  const std::uint64_t most = largest_room();
  BlockRange range{.begin = first_from(from, cursor), .end = {}, .cost = 0};
  Offset at = range.begin;
  for (unsigned seen = 0; seen < seen_for_lowest; ++seen) {
    if (at >= blocks.wilderness()) {
      from = {};
      return {};
    }
    const Block block{at, blocks.follow(at)};
    at = block.end();
    if (block.word.state() == State::live) {
      if (!may_leave(block, most, cursor)) {
        from = at;
        range = {.begin = at, .end = {}, .cost = 0};
        continue;
      }
      range.cost += block.word.size();
    }
    if (at - range.begin >= needed) return {.begin = range.begin, .end = at, .cost = range.cost};
  }
  from = at;
  return {};
}

/// Where the first block from this place on starts, or the hole before it; else the wilderness.
Offset Evacuation::first_from(Offset place, HandleCursor& cursor) const {
  const BlockList& blocks = allocator_.blocks();
  if (place <= blocks.first()) return blocks.first();
  const Handle* first = cursor.first_from(place, blocks.wilderness());
  if (first == nullptr) return blocks.wilderness();
  const Offset start = block_of(first->payload);
  return blocks.at(start).after_free() ? blocks.previous(start).start : start;
}

bool Evacuation::empty(const BlockRange& range) {
  if (!range) return false;
  const BlockList& blocks = allocator_.blocks();
  const Offset wilderness = blocks.wilderness();
  const bool elsewhere = range.end <= wilderness;  // whether the wilderness is
  const Offset end = std::min(range.end, wilderness);
  for_each_hole(range.begin, end, [&](Block hole) { relocation_.detach(hole); });
  HandleCursor cursor(handles_);
  DetachedHole emptied(relocation_);
  Offset at = range.begin;
  bool all = true;
  while (at < end) {
    Block block{at, blocks.follow(at)};
    if (block.word.state() == State::live) {
      Handle* const handle = cursor.find(payload_of(at));
      all = handle != nullptr && move_elsewhere(*handle, elsewhere);
      if (!all) break;
      // What was made elsewhere may have told both of their neighbours.
      emptied.reread();
      block.word = blocks.at(at);
      relocation_.empty(block);
    }
    at = block.end();
    emptied.take_in(block);
  }
  for_each_hole(at, end, [&](Block hole) { relocation_.attach(hole); });
  return all;
}

bool Evacuation::move_elsewhere(Handle& handle, bool wilderness) {
  const std::optional<Allocation> copy = relocation_.copy_elsewhere(handle, wilderness);
  if (!copy) return false;
  const Offset from = handle.payload;
  handles_.unlink(handle);
  handle.payload = copy->payload;
  handle.usable = copy->usable;
  handles_.link(handle);
  owners_.moved(handle, from);
  return true;
}

/// The free blocks in [begin, end).
template <typename Visit>
void Evacuation::for_each_hole(Offset begin, Offset end, Visit&& visit) const {
  for (Offset at = begin; at < end;) {
    const Block block{at, allocator_.blocks().follow(at)};
    at = block.end();
    if (block.word.state() == State::free) visit(block);
  }
}

}  // namespace rheap
