#include "core/allocator/rebuild.hpp"

#include <algorithm>

#include "core/region/block_move.hpp"

namespace rheap {

void rebuild(Allocator& allocator) {
  Region& region = allocator.region_;
  BlockList& blocks = allocator.blocks_;
  blocks.commit_used();
  finish_move(region, blocks);
  allocator.forget_free();
  Counters& counted = allocator.count();
  counted.live = {};

  bool after_free = false;
  const Offset wilderness = blocks.wilderness();
  for (Offset block = blocks.first(); block < wilderness;) {
    Word word = blocks.follow(block);
    word = word.after(after_free);
    after_free = word.state() != State::live;
    if (after_free) {
      word = word.with(State::free);
      while (const Block next = blocks.next({block, word}, wilderness)) {
        if (next.word.state() == State::live) break;
        blocks.absorb(block, word, next.word.size());
      }
      if (block + word.size() == wilderness) {
        region.unpoison(block, word.size());
        blocks.retract(block);
        break;
      }
      allocator.add_free(block, word.size());
    } else {
      counted.live.add(word.size() - allocator.overhead());
      const std::uint64_t whole = word.size() - word_bytes;
      const Offset payload = payload_of(block);
      // A block becomes live just before its fence is written; a kill may have come in between.
      if (allocator.fenced() && fence::visible_bytes(region.address(payload), whole) == whole) {
        allocator.raise_fence(payload, whole - fence::fence_bytes, whole - fence::fence_bytes);
      }
    }
    blocks.mark(block, word);
    block = block + word.size();
  }
  counted.peak_live_bytes = std::max(counted.peak_live_bytes, counted.live.bytes);
}

}  // namespace rheap
