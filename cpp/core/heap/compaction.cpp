#include "core/heap/compaction.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "core/system/clock.hpp"

namespace rheap {

/// Slides the blocks of a part of the region, with a hole in hand that takes in what is free.
///
/// A pass without bounds makes all lists of holes anew, since to take each hole out of its list
/// would cost more than all the rest.
class Compaction::Pass {
 public:
  Pass(Compaction& compaction, const CompactionBounds& bounds, Owners& owners)
      : allocator_(compaction.allocator_),
        handles_(compaction.handles_),
        bounds_(bounds),
        owners_(owners),
        began_(is_timed() ? system::microseconds() : 0) {}

  /// Slides all blocks, without bounds.
  void slide_all();
  /// Merges what is deferred. Returns false when there was no time for all of it.
  bool merge();
  /// Slides the blocks whose payloads start in [begin, end). Returns the first that it did not come
  /// to, or `end`. Nothing may be deferred.
  Offset slide(Offset begin, Offset end);

  [[nodiscard]] const CompactionFigures& figures() const { return figures_; }

 private:
  static constexpr std::uint64_t merges_at_once = 64;
  /// The clock is read after so many blocks or bytes or empty windows.
  static constexpr unsigned blocks_at_once = 32;
  static constexpr std::uint64_t bytes_at_once = std::uint64_t{256} << 10;
  static constexpr unsigned windows_at_once = 1024;
  /// So many bytes a microsecond a large block is expected to move.
  static constexpr std::uint64_t rate = 4096;

  [[nodiscard]] bool is_timed() const { return bounds_.microseconds != CompactionBounds::none; }
  /// Whether there is no time left, after what takes so many microseconds.
  [[nodiscard]] bool is_over(std::uint64_t more = 0) const {
    return is_timed() && system::microseconds() - began_ + more > bounds_.microseconds;
  }
  bool is_over_now_and_then();
  bool slide_window(std::size_t window, Offset begin, Offset end);
  bool visit(Handle& handle);
  enum class Decision { move, stay, stop };
  Decision decide(const Handle& handle, Block block);
  void take_in(Block hole);
  void take_in_from(Offset at);
  void let_go();

  Allocator& allocator_;
  HandleTable& handles_;
  CompactionBounds bounds_;
  Owners& owners_;
  std::uint64_t began_;
  CompactionFigures figures_;
  bool listed_ = true;  ///< whether holes are in lists
  bool first_ = true;   ///< no block was visited yet
  Block hole_{};        ///< in hand, if any
  Offset stopped_{};
  unsigned blocks_unclocked_ = 0;
  std::uint64_t bytes_unclocked_ = 0;
};

void Compaction::Pass::slide_all() {
  allocator_.forget_holes();
  listed_ = first_ = false;
  take_in_from(allocator_.blocks().first());
  slide({}, payload_of(allocator_.blocks().wilderness()));
}

bool Compaction::Pass::merge() {
  while (allocator_.merge_some(merges_at_once)) {
    if (is_over()) return false;
  }
  return true;
}

Offset Compaction::Pass::slide(Offset begin, Offset end) {
  const std::size_t last = HandleTable::window_of(end);
  unsigned empty = 0;
  for (std::size_t window = HandleTable::window_of(begin); window <= last; ++window) {
    if (handles_.in_window(window) == nullptr) {
      if (++empty % windows_at_once != 0 || !is_over()) continue;
      stopped_ = Offset{window * HandleTable::window_bytes};
    } else if (slide_window(window, begin, end)) {
      continue;
    }
    let_go();
    return std::max(begin, stopped_);
  }
  let_go();
  return end;
}

/// Returns false when it had to stop, at `stopped_`.
bool Compaction::Pass::slide_window(std::size_t window, Offset begin, Offset end) {
  WindowOrder order(handles_, window);
  while (Handle* const handle = order.next()) {
    if (handle->payload < begin || handle->payload >= end) continue;
    if (!visit(*handle)) {
      stopped_ = handle->payload;
      return false;
    }
  }
  return true;
}

/// Slides one block if it may move. Returns false when the pass has to stop before it.
bool Compaction::Pass::visit(Handle& handle) {
  if (is_over_now_and_then()) return false;
  const Block block = allocator_.verify_live(handle.payload, handle.usable);
  if (std::exchange(first_, false) && block.word.after_free()) {
    take_in(allocator_.blocks().previous(block.start));
  }
  const Decision decision = hole_ ? decide(handle, block) : Decision::stay;
  if (decision == Decision::stop) return false;
  if (decision == Decision::stay) {
    let_go();
    take_in_from(block.end());
    return true;
  }
  const Offset from = handle.payload;
  handle.payload = allocator_.slide(hole_, block, handle.align);
  take_in_from(hole_.end());
  owners_.moved(handle, from);
  figures_.moved.add(block.word.size());
  bytes_unclocked_ += block.word.size();
  return true;
}

/// About a block behind the hole in hand.
Compaction::Pass::Decision Compaction::Pass::decide(const Handle& handle, Block block) {
  const std::uint64_t size = block.word.size();
  const Offset to = Request{size, handle.align}.start_in(hole_.start);
  const bool leaves_hole = to + smallest_block <= block.start;
  if (!leaves_hole || !owners_.may_move(handle)) return Decision::stay;
  if (size > bounds_.bytes || size / rate > bounds_.microseconds) {
    figures_.too_large.add(size);
    return Decision::stay;
  }
  if (figures_.moved.bytes + size > bounds_.bytes) return Decision::stop;
  return size >= bytes_at_once && is_over(size / rate) ? Decision::stop : Decision::move;
}

bool Compaction::Pass::is_over_now_and_then() {
  if (++blocks_unclocked_ < blocks_at_once && bytes_unclocked_ < bytes_at_once) return false;
  blocks_unclocked_ = 0;
  bytes_unclocked_ = 0;
  return is_over();
}

void Compaction::Pass::take_in(Block hole) {
  allocator_.take_hole(hole, listed_);
  if (hole_) return allocator_.join(hole_, hole.word.size());
  if (hole.word.state() != State::free) allocator_.empty(hole);
  hole_ = hole;
}

/// Takes in what is free from here on. All behind the last block is the wilderness's.
void Compaction::Pass::take_in_from(Offset at) {
  const BlockList& blocks = allocator_.blocks();
  const Offset wilderness = blocks.wilderness();
  while (at < wilderness) {
    const Block behind{at, blocks.follow(at)};
    if (behind.word.state() == State::live) return;
    take_in(behind);
    at = behind.end();
  }
  let_go();
}

void Compaction::Pass::let_go() {
  if (hole_) allocator_.put_back(std::exchange(hole_, {}));
}

CompactionFigures Compaction::run(const CompactionBounds& bounds, Owners& owners) {
  Pass pass(*this, bounds, owners);
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
  Pass(*this, {}, owners).slide_all();
  empty_cheapest(needed, owners);
}

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
      const Handle* handle = cursor.find(payload_of(block.start));
      if (handle == nullptr || block.word.size() > most || !owners.may_move(*handle)) return {};
      run.cost += block.word.size();
    }
    run.end = block.end();
    if (run.end - run.begin >= needed) return run;
  }
  return {};
}

/// Makes a hole of so many bytes where that costs least; returns whether there is one.
bool Compaction::gather(std::uint64_t needed, Owners& owners) {
  if (empty_cheapest(needed, owners)) return true;
  const Stretch found = cheapest(needed, Way::sliding, owners);
  if (!found) return false;
  Pass(*this, {}, owners).slide(payload_of(found.begin), payload_of(found.end));
  return largest_room() >= needed;  // aligned blocks may have left gaps
}

bool Compaction::empty_cheapest(std::uint64_t needed, Owners& owners) {
  const Stretch found = cheapest(needed, Way::emptying, owners);
  HandleCursor cursor(handles_);
  return empty(found, cursor, owners);
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
    const Handle* handle = live ? cursor.find(payload_of(block)) : nullptr;
    if (live && (handle == nullptr || word.size() > most || !owners.may_move(*handle))) {
      run.clear();
      yield = cost = 0;
    } else {
      add(block, word.size(), live);
    }
  });
  if (wilderness < region.end()) add(wilderness, region.end() - wilderness, false);
  return best;
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
      const Handle* handle = cursor.find(payload_of(block.start));
      const bool moves = handle != nullptr && block.word.size() <= most && owners.may_move(*handle);
      if (!moves) {
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
