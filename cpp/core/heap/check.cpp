#include <algorithm>
#include <vector>

#include "core/heap/allocator.hpp"
#include "core/region/header.hpp"

/// The walks over the whole region: one verifies every invariant of layout.hpp, the other rebuilds
/// everything that is derived from the list of blocks.
namespace rheap {

namespace {

/// The blocks that the walk saw without an owner, in address order, to be met again in the lists.
class Unowned {
 public:
  void enter(Offset block) { blocks_.push_back(block); }
  void sort_out() { met_.resize(blocks_.size(), false); }
  void meet(Offset block, const char* invariant) {
    const auto found = std::lower_bound(blocks_.begin(), blocks_.end(), block);
    if (found == blocks_.end() || *found != block) BlockList::damaged(block, invariant);
    const auto place = static_cast<std::size_t>(found - blocks_.begin());
    if (met_[place]) BlockList::damaged(block, invariant);
    met_[place] = true;
  }
  void all_met(const char* invariant) const {
    const auto missing = std::find(met_.begin(), met_.end(), false);
    if (missing == met_.end()) return;
    BlockList::damaged(blocks_[static_cast<std::size_t>(missing - met_.begin())], invariant);
  }

 private:
  std::vector<Offset> blocks_;
  std::vector<bool> met_;
};

void agree(const Tally& counted, const Tally& walked) {
  if (counted.blocks != walked.blocks || counted.bytes != walked.bytes) {
    BlockList::damaged({}, "counters that agree with the walk");
  }
}

}  // namespace

void Allocator::verify_counters(const Tally& live, const Tally& deferred, const Tally& free) const {
  agree(count().live, live);
  agree(count().deferred, deferred);
  agree(count().free, free);
}

void Allocator::check() const {
  const Work work = blocks_.work();
  Tally live{};
  Tally deferred{};
  Tally free{};
  Unowned free_blocks;
  Unowned deferred_blocks;
  bool after_free = false;

  // 1 to 4, block by block.
  blocks_.walk([&](Offset block, Word word) {
    if (word.after_free() != after_free) {
      BlockList::damaged(block, "a block that knows whether the one before it is free");
    }
    const bool is_free = word.state() == State::free;
    if (is_free && after_free) BlockList::damaged(block, "no two free neighbours");
    const std::uint64_t payload = word.size() - word_bytes;
    switch (word.state()) {
      case State::live:
        live.blocks += 1;
        live.bytes += word.size() - overhead();
        if (fenced_) static_cast<void>(verify_fence(payload_of(block), word.size() - overhead()));
        break;
      case State::deferred:
        deferred.blocks += 1;
        deferred.bytes += payload;
        deferred_blocks.enter(block);
        break;
      case State::free:
        free.blocks += 1;
        free.bytes += payload;
        blocks_.verify_footer(block, word.size());
        free_blocks.enter(block);
        break;
    }
    after_free = is_free;
  });
  const Offset wilderness = blocks_.wilderness();
  if (after_free) BlockList::damaged(wilderness, "no free block before the wilderness");

  // 5, list by list.
  constexpr auto in_one_list = "a free block in exactly one list";
  free_blocks.sort_out();
  deferred_blocks.sort_out();
  placement_.verify([&](Offset block) { free_blocks.meet(block, in_one_list); });
  deferred_.for_each(deferred.blocks,
                     [&](Offset block, Word) { deferred_blocks.meet(block, in_one_list); });
  free_blocks.all_met(in_one_list);
  deferred_blocks.all_met(in_one_list);

  if (blocks_.move_target()) BlockList::damaged({}, "no block half on its way");

  // 6, 7 and 8.
  verify_counters(live, deferred, free);
  if (wilderness > blocks_.fresh()) {
    BlockList::damaged(wilderness, "no block beyond `fresh`");
  }
  verify_header(region_.header(), {region_.capacity(), region_.secret(),
                                   static_cast<std::uint16_t>(placement_.policy()), fenced_});
  blocks_.work() = work;  // what was read here was read for no request
}

void Allocator::rebuild() {
  blocks_.commit_used();
  finish_move();
  placement_.clear();
  deferred_.clear();
  Counters& counted = count();
  counted = {{}, {}, {}, counted.peak_live_bytes, counted.allocations};

  bool after_free = false;
  const Offset wilderness = blocks_.wilderness();
  for (Offset block = blocks_.first(); block < wilderness;) {
    Word word = blocks_.follow(block);
    word = word.after(after_free);
    after_free = word.state() != State::live;
    if (after_free) {
      word = word.with(State::free);
      while (const Block behind = blocks_.next({block, word}, wilderness)) {
        if (behind.word.state() == State::live) break;
        blocks_.absorb(block, word, behind.word.size());
      }
      if (block + word.size() == wilderness) {
        region_.unpoison(block, word.size());
        blocks_.retract(block);
        break;
      }
      add_free(block, word.size());
    } else {
      ++counted.live.blocks;
      counted.live.bytes += word.size() - overhead();
      const std::uint64_t whole = word.size() - word_bytes;
      const Offset payload = payload_of(block);
      // A block becomes live just before its fence is written; a kill may have come in between.
      if (fenced_ && fence::visible_bytes(region_.address(payload), whole) == whole) {
        raise_fence(payload, whole - fence::fence_bytes, whole - fence::fence_bytes);
      }
    }
    blocks_.mark(block, word);
    block = block + word.size();
  }
  counted.peak_live_bytes = std::max(counted.peak_live_bytes, counted.live.bytes);
}

}  // namespace rheap
