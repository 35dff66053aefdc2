#include <algorithm>
#include <utility>

#include "core/heap/allocator.hpp"

/// What goes back to the system: the surplus of the wilderness, a step with each free, and all that
/// is free when `trim` asks for it.
namespace rheap {

/// Returns how many bytes from here to `fresh` were in memory, or nothing if the system kept them.
/// They read as zero again, so they are fresh again.
std::optional<std::uint64_t> Allocator::give_back_from(Offset begin) {
  const Offset end{align_up(blocks_.fresh().value, region_.unit())};
  const auto given_back = region_.discard(begin, end);
  if (given_back) blocks_.set_fresh(begin);
  return given_back;
}

/// What blocks reached lately they may reach again: as in jemalloc's decay, memory goes back only
/// after a while.
void Allocator::give_back_surplus() {
  const Offset fresh = blocks_.fresh();
  const Offset wilderness = blocks_.wilderness();
  const std::uint64_t surplus = fresh > wilderness ? fresh - wilderness : 0;
  const std::uint64_t kept = std::max(surplus_kept, count().live.bytes / 4);
  has_surplus_ = surplus > (shrinking_ ? kept : 2 * kept);
  shrinking_ = shrinking_ && has_surplus_;
  if (!has_surplus_) return;
  if (++frees_ == surplus_patience) {
    frees_ = 0;
    reached_before_ = std::exchange(reached_, wilderness);
  }
  const Offset unreached = std::max({reached_, reached_before_, fresh - surplus_step});
  const Offset begin{align_up(unreached.value, region_.unit())};
  if (begin >= fresh) return;
  shrinking_ = give_back_from(begin).has_value();
  has_surplus_ = shrinking_;
}

std::uint64_t Allocator::trim() {
  merge_all_deferred();
  std::uint64_t given_back = 0;
  blocks_.walk([&](Offset block, Word word) {
    if (word.state() != State::free || word.size() <= smallest_block + 8) return;
    const Offset footer = footer_of(block, word.size());
    given_back += region_.discard(block + smallest_block, footer).value_or(0);
  });
  const Offset clean{align_up(blocks_.wilderness().value, region_.unit())};
  if (clean < blocks_.fresh()) given_back += give_back_from(clean).value_or(0);
  check_self();
  return given_back;
}

}  // namespace rheap
