#include <algorithm>
#include <deque>

#include "core/heap/compaction.hpp"

/// Which stretch of the region is to be emptied: where a look at every block pays, or only at a
/// few.
namespace rheap {

namespace {

/// Whether a live block may move, and is no larger than `most`, beyond which it fits nowhere.
bool may_leave(Block block, std::uint64_t most, HandleCursor& cursor, Owners& owners) {
  const Handle* handle = cursor.find(payload_of(block.start));
  return handle != nullptr && block.word.size() <= most && owners.may_move(*handle);
}

}  // namespace

/// From a hole that is among the largest on, as far as it takes; none if that is far.
Compaction::Stretch Compaction::beside_hole(std::uint64_t needed, HandleCursor& cursor,
                                            Owners& owners) const {
  const BlockList& blocks = allocator_.blocks();
  const std::uint64_t most = largest_room();
  const Hole hole = allocator_.find_hole(allocator_.largest_hole() / 8 * 7);
  if (!hole) return {};
  Stretch run{.begin = hole.start, .end = hole.start, .cost = 0};
  for (unsigned seen = 0; seen < seen_beside_hole && run.end < blocks.wilderness(); ++seen) {
    const Block block{run.end, blocks.follow(run.end)};
    if (block.word.state() == State::live) {
      if (!may_leave(block, most, cursor, owners)) return {};
      run.cost += block.word.size();
    }
    run.end = block.end();
    if (run.end - run.begin >= needed) return run;
  }
  return {};
}

/// The largest hole, of which the wilderness may be one. No larger block can be moved elsewhere.
std::uint64_t Compaction::largest_room() const {
  return std::max(allocator_.largest_hole(),
                  allocator_.region().end() - allocator_.blocks().wilderness());
}

/// The run of neighbouring blocks, none of which must stay, whose moving costs least and yields
/// enough: the bytes of all of them when they are moved elsewhere, of the free ones when they
/// slide.
Compaction::Stretch Compaction::cheapest(std::uint64_t needed, Way way, Owners& owners) const {
  struct Neighbour {
    Offset start;
    std::uint64_t yield;
    std::uint64_t cost;
  };
  const Region& region = allocator_.region();
  const Offset wilderness = allocator_.blocks().wilderness();
  const std::uint64_t most = way == Way::sliding ? CompactionBounds::none : largest_room();
  std::deque<Neighbour> run;
  std::uint64_t yield = 0;
  std::uint64_t cost = 0;
  Stretch best;
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
    if (live && !may_leave({block, word}, most, cursor, owners)) {
      run.clear();
      yield = cost = 0;
    } else {
      add(block, word.size(), live);
    }
  });
  if (wilderness < region.end()) add(wilderness, region.end() - wilderness, false);
  return best;
}

/// The first run with room of blocks that may move or are free, among a few from where the last one
/// was found.
Compaction::Stretch Compaction::lowest(std::uint64_t needed, HandleCursor& cursor, Owners& owners) {
  const BlockList& blocks = allocator_.blocks();
  const std::uint64_t most = largest_room();
  Stretch run{.begin = first_from(low_, cursor), .end = {}, .cost = 0};
  Offset at = run.begin;
  for (unsigned seen = 0; seen < seen_for_low; ++seen) {
    if (at >= blocks.wilderness()) {
      low_ = {};
      return {};
    }
    const Block block{at, blocks.follow(at)};
    at = block.end();
    if (block.word.state() == State::live) {
      if (!may_leave(block, most, cursor, owners)) {
        low_ = at;
        run = {.begin = at, .end = {}, .cost = 0};
        continue;
      }
      run.cost += block.word.size();
    }
    if (at - run.begin >= needed) return {.begin = run.begin, .end = at, .cost = run.cost};
  }
  low_ = at;
  return {};
}

/// Where the first block from this place on starts, or the hole before it; else the wilderness.
Offset Compaction::first_from(Offset place, HandleCursor& cursor) const {
  const BlockList& blocks = allocator_.blocks();
  if (place <= blocks.first()) return blocks.first();
  const Handle* first = cursor.first_from(place, blocks.wilderness());
  if (first == nullptr) return blocks.wilderness();
  const Offset start = block_of(first->payload);
  return blocks.at(start).after_free() ? blocks.previous(start).start : start;
}

}  // namespace rheap
