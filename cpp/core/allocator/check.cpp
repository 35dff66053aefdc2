#include "core/allocator/check.hpp"

#include <algorithm>
#include <vector>

#include "core/region/header.hpp"

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

void verify_counters(const Counters& counters, const Tally& live, const Tally& deferred,
                     const Tally& free) {
  agree(counters.live, live);
  agree(counters.deferred, deferred);
  agree(counters.free, free);
}

void check_invariants(const Allocator& allocator) {
  const BlockList& blocks = allocator.blocks();
  const std::uint64_t overhead = allocator.overhead();
  const Work work = blocks.work();
  Tally live{};
  Tally deferred{};
  Tally free{};
  Unowned free_blocks;
  Unowned deferred_blocks;
  bool after_free = false;

  // 1 to 4, block by block.
  blocks.walk([&](Offset block, Word word) {
    if (word.after_free() != after_free) {
      BlockList::damaged(block, "a block that knows whether the one before it is free");
    }
    const bool is_free = word.state() == State::free;
    if (is_free && after_free) BlockList::damaged(block, "no two free neighbours");
    const std::uint64_t payload = word.size() - word_bytes;
    switch (word.state()) {
      case State::live:
        live.blocks += 1;
        live.bytes += word.size() - overhead;
        if (allocator.fenced())
          static_cast<void>(allocator.verify_fence(payload_of(block), word.size() - overhead));
        break;
      case State::deferred:
        deferred.blocks += 1;
        deferred.bytes += payload;
        deferred_blocks.enter(block);
        break;
      case State::free:
        free.blocks += 1;
        free.bytes += payload;
        blocks.verify_footer(block, word.size());
        free_blocks.enter(block);
        break;
    }
    after_free = is_free;
  });
  const Offset wilderness = blocks.wilderness();
  if (after_free) BlockList::damaged(wilderness, "no free block before the wilderness");

  // 5, list by list.
  constexpr auto in_one_list = "a free block in exactly one list";
  free_blocks.sort_out();
  deferred_blocks.sort_out();
  allocator.placement().verify([&](Offset block) { free_blocks.meet(block, in_one_list); });
  allocator.deferred().for_each(
      deferred.blocks, [&](Offset block, Word) { deferred_blocks.meet(block, in_one_list); });
  free_blocks.all_met(in_one_list);
  deferred_blocks.all_met(in_one_list);

  if (blocks.move_target()) BlockList::damaged({}, "no block half on its way");

  // 6, 7 and 8.
  verify_counters(allocator.counters(), live, deferred, free);
  if (wilderness > blocks.fresh()) {
    BlockList::damaged(wilderness, "no block beyond `fresh`");
  }
  const Region& region = allocator.region();
  verify_header(region.header(),
                {region.capacity(), region.secret(),
                 static_cast<std::uint16_t>(allocator.placement().policy()), allocator.fenced()});
  blocks.work() = work;  // what was read here was read for no request
}

}  // namespace rheap
