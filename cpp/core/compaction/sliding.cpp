#include "core/compaction/sliding.hpp"

#include <algorithm>
#include <utility>

#include "core/system/clock.hpp"

namespace rheap {

Sliding::Sliding(Allocator& allocator, HandleTable& handles, const CompactionBounds& bounds,
                 Owners& owners)
    : allocator_(allocator),
      relocation_(allocator),
      handles_(handles),
      bounds_(bounds),
      owners_(owners),
      began_(is_timed() ? system::microseconds() : 0),
      hole_(relocation_) {}

void Sliding::slide_all() {
  relocation_.forget_holes();
  listed_ = first_ = false;
  take_in_from(allocator_.blocks().first());
  slide({}, payload_of(allocator_.blocks().wilderness()));
}

bool Sliding::merge() {
  while (relocation_.merge_some(merges_at_once)) {
    if (is_over()) return false;
  }
  return true;
}

Offset Sliding::slide(Offset begin, Offset end) {
  const std::size_t last = HandleTable::window_of(end);
  unsigned empty = 0;
  for (std::size_t window = HandleTable::window_of(begin); window <= last; ++window) {
    if (handles_.in_window(window) == nullptr) {
      if (++empty % windows_at_once != 0 || !is_over()) continue;
      stopped_ = Offset{window * HandleTable::window_bytes};
    } else if (slide_window(window, begin, end)) {
      continue;
    }
    hole_.attach();
    return std::max(begin, stopped_);
  }
  hole_.attach();
  return end;
}

/// Returns false when it had to stop, at `stopped_`.
bool Sliding::slide_window(std::size_t window, Offset begin, Offset end) {
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
bool Sliding::visit(Handle& handle) {
  if (is_over_now_and_then()) return false;
  const Block block = allocator_.verify_live(handle.payload, handle.usable);
  if (std::exchange(first_, false) && block.word.after_free()) {
    take_in(allocator_.blocks().previous(block.start));
  }
  const Decision decision = hole_ ? decide(handle, block) : Decision::stay;
  if (decision == Decision::stop) return false;
  if (decision == Decision::stay) {
    hole_.attach();
    take_in_from(block.end());
    return true;
  }
  const Offset from = handle.payload;
  handle.payload = hole_.slide(block, handle.align);
  take_in_from(hole_.block().end());
  owners_.moved(handle, from);
  figures_.moved.add(block.word.size());
  bytes_unclocked_ += block.word.size();
  return true;
}

/// About a block after the detached hole.
Sliding::Decision Sliding::decide(const Handle& handle, Block block) {
  const std::uint64_t size = block.word.size();
  const Offset to = Request{size, handle.align}.start_in(hole_.block().start);
  const bool leaves_hole = to + smallest_block <= block.start;
  if (!leaves_hole || !owners_.may_move(handle)) return Decision::stay;
  if (size > bounds_.bytes || size / rate > bounds_.microseconds) {
    figures_.too_large.add(size);
    return Decision::stay;
  }
  if (figures_.moved.bytes + size > bounds_.bytes) return Decision::stop;
  return size >= bytes_at_once && is_over(size / rate) ? Decision::stop : Decision::move;
}

bool Sliding::is_over(std::uint64_t more) const {
  return is_timed() && system::microseconds() - began_ + more > bounds_.microseconds;
}

bool Sliding::is_over_now_and_then() {
  if (++blocks_unclocked_ < blocks_at_once && bytes_unclocked_ < bytes_at_once) return false;
  blocks_unclocked_ = 0;
  bytes_unclocked_ = 0;
  return is_over();
}

void Sliding::take_in(Block hole) {
  listed_ ? relocation_.detach(hole) : relocation_.unpoison(hole);
  hole_.take_in(hole);
}

/// Takes in what is free from here on. All after the last block is the wilderness's.
void Sliding::take_in_from(Offset at) {
  const BlockList& blocks = allocator_.blocks();
  const Offset wilderness = blocks.wilderness();
  while (at < wilderness) {
    const Block next{at, blocks.follow(at)};
    if (next.word.state() == State::live) return;
    take_in(next);
    at = next.end();
  }
  hole_.attach();
}

}  // namespace rheap
