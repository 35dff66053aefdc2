#include "core/region/block_move.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

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

/// Copies what is left of the payload of a block that is being moved.
void copy_down(Region& region, Offset from, Offset to, std::uint64_t size) {
  std::uint64_t& done = region.header().move.done;
  const std::uint64_t bytes = size - word_bytes;
  const std::uint64_t shift = from - to;
  while (done < bytes) {
    const std::uint64_t chunk = std::min(shift, bytes - done);
    copy_chunk(region.address(payload_of(to) + done), region.address(payload_of(from) + done),
               chunk);
    Memory::store(done, done + chunk);
  }
}

}  // namespace

Block move_down(Region& region, BlockList& blocks, Block hole, Block live) {
  const Offset start = hole.start;
  const std::uint64_t size = live.word.size();
  const std::uint64_t shift = hole.word.size();
  const Word moved = live.word.after(hole.word.after_free());
  const Block rest{start + size, {shift, State::free, false}};
  if (shift > size) {
    std::memcpy(region.address(payload_of(start)), region.address(payload_of(live.start)),
                size - word_bytes);
    blocks.mark(rest.start, rest.word);
    blocks.mark(start, moved);
    blocks.wipe(live.start);
  } else {
    blocks.begin_move(live.start, start, size);
    copy_down(region, live.start, start, size);
    blocks.mark(start, moved);
    blocks.mark(rest.start, rest.word);
    blocks.end_move();
  }
  return rest;
}

void finish_move(Region& region, BlockList& blocks) {
  const MoveHeader& move = region.header().move;
  const std::optional<Offset> to = blocks.move_target();
  if (!to) return;
  const std::uint64_t shift = move.from - *to;
  const bool sound = move.from > *to && shift >= smallest_block && move.size >= shift &&
                     move.from + move.size <= region.committed() && move.done <= move.size;
  if (!sound) BlockList::damaged(region.place_of(move.to), "a move that can be finished");
  copy_down(region, move.from, *to, move.size);
  blocks.mark(*to, {move.size, State::live, false});
  blocks.mark(*to + move.size, {shift, State::free, false});
  blocks.end_move();
}

}  // namespace rheap
