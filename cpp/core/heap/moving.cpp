#include <algorithm>
#include <cstring>

#include "core/heap/allocator.hpp"
#include "core/heap/handles.hpp"

/// How a block moves: wholly at its old place or wholly at its new one whenever the process is
/// killed, and the blocks tile the region at every store (see finish_move for the one exception).
namespace rheap {

namespace {

/// Below it a loop over words is faster than a call.
constexpr std::uint64_t few_bytes = 128;

/// To a place below; chunks are no longer than what lies between, so none overlaps itself.
[[gnu::always_inline]] inline void copy_chunk(std::byte* to, const std::byte* from,
                                              std::uint64_t bytes) {
  if (bytes >= few_bytes) {
    std::memcpy(to, from, bytes);
    return;
  }
  for (std::uint64_t at = 0; at < bytes; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, from + at, 8);
    std::memcpy(to + at, &word, 8);
  }
}

}  // namespace

bool Allocator::merge_some(std::uint64_t most) {
  const std::uint64_t before = count().deferred.blocks;
  merge_deferred(most);
  return before - count().deferred.blocks == most;
}

void Allocator::forget_holes() {
  placement_.clear();
  deferred_.clear();
  count().free = count().deferred = {};
}

void Allocator::take_hole(Block hole, bool listed) {
  if (listed) {
    placement_.verify_remove(hole.start, hole.word.size());
    remove_free(hole.start, hole.word.size());
  }
  region_.unpoison(hole.start, hole.word.size());
}

void Allocator::put_back(Block hole) {
  if (fenced_) fill(payload_of(hole.start), hole.word.size() - word_bytes, fence::freed_pattern);
  merge(hole);
}

Offset Allocator::slide(Block& hole, Block live, std::uint64_t align) {
  const std::uint64_t size = live.word.size();
  const Offset start = Request{size, align}.start_in(hole.start);
  if (const std::uint64_t gap = start - hole.start; gap > 0) {
    blocks_.split(hole.start, hole.word, gap, State::free);
    add_free(hole.start, gap);
    hole = {start, {hole.word.size() - gap, State::free, true}};
  }
  const std::uint64_t shift = hole.word.size();
  const Word moved = live.word.after(hole.word.after_free());
  const Block rest{start + size, {shift, State::free, false}};
  if (shift > size) {
    std::memcpy(region_.address(payload_of(start)), region_.address(payload_of(live.start)),
                size - word_bytes);
    blocks_.mark(rest.start, rest.word);
    blocks_.mark(start, moved);
    blocks_.wipe(live.start);
  } else {
    blocks_.begin_move(live.start, start, size);
    copy_down(live.start, start, size);
    blocks_.mark(start, moved);
    blocks_.mark(rest.start, rest.word);
    blocks_.end_move();
  }
  hole = rest;
  return payload_of(start);
}

/// Copies what is left of the payload of a block on its way.
void Allocator::copy_down(Offset from, Offset to, std::uint64_t size) {
  std::uint64_t& done = region_.header().move.done;
  const std::uint64_t bytes = size - word_bytes;
  const std::uint64_t shift = from - to;
  while (done < bytes) {
    const std::uint64_t chunk = std::min(shift, bytes - done);
    copy_chunk(region_.address(payload_of(to) + done), region_.address(payload_of(from) + done),
               chunk);
    Memory::store(done, done + chunk);
  }
}

/// Until the end of a move the place where the old word stood may have been written over, so the
/// blocks are walked after it only.
void Allocator::finish_move() {
  const MoveHeader& move = region_.header().move;
  const std::optional<Offset> to = blocks_.move_target();
  if (!to) return;
  const std::uint64_t shift = move.from - *to;
  const bool sound = move.from > *to && shift >= smallest_block && move.size >= shift &&
                     move.from + move.size <= region_.committed() && move.done <= move.size;
  if (!sound) BlockList::damaged(region_.place_of(move.to), "a move that can be finished");
  copy_down(move.from, *to, move.size);
  blocks_.mark(*to, {move.size, State::live, false});
  blocks_.mark(*to + move.size, {shift, State::free, false});
  blocks_.end_move();
}

std::optional<Allocation> Allocator::copy_elsewhere(const Handle& handle, bool wilderness) {
  const Block live = verify_live(handle.payload, handle.usable);
  const Request request{live.word.size(), handle.align};
  const Block copy = find_place(request, wilderness);
  if (!copy) return {};
  const Offset payload = payload_of(copy.start);
  const std::uint64_t usable = copy.word.size() - overhead();
  region_.unpoison(payload, copy.word.size() - word_bytes);
  std::memcpy(region_.address(payload), region_.address(handle.payload), handle.usable);
  if (fenced_) raise_fence(payload, usable, handle.bytes);
  Counters& counted = count();
  counted.live.bytes += usable - handle.usable;
  counted.peak_live_bytes = std::max(counted.peak_live_bytes, counted.live.bytes);
  return Allocation{payload, usable, handle.bytes};
}

void Allocator::empty(Block& block) {
  block.word = block.word.with(State::free);
  blocks_.mark(block.start, block.word);
}

}  // namespace rheap
