#include "core/allocator/purge.hpp"

#include <utility>

namespace rheap {

void Purge::step(std::uint64_t live_bytes) {
  const Offset fresh = blocks_.fresh();
  const Offset wilderness = blocks_.wilderness();
  const std::uint64_t tail = fresh > wilderness ? fresh - wilderness : 0;
  const std::uint64_t kept = std::max(kept_bytes, live_bytes / 4);
  due_ = tail > (shrinking_ ? kept : 2 * kept);
  shrinking_ = shrinking_ && due_;
  if (!due_) return;
  if (++frees_ == frees_per_turn) {
    frees_ = 0;
    reached_before_ = std::exchange(reached_, wilderness);
  }
  const Offset unreached = std::max({reached_, reached_before_, fresh - step_bytes});
  const Offset begin{align_up(unreached.value, region_.unit())};
  if (begin >= fresh) return;
  due_ = shrinking_ = purge_tail(begin).has_value();
}

std::uint64_t Purge::all() {
  std::uint64_t purged = 0;
  blocks_.walk([&](Offset block, Word word) {
    if (word.state() != State::free || word.size() <= smallest_block + 8) return;
    const Offset footer = footer_of(block, word.size());
    purged += region_.discard(block + smallest_block, footer).value_or(0);
  });
  const Offset clean{align_up(blocks_.wilderness().value, region_.unit())};
  if (clean < blocks_.fresh()) purged += purge_tail(clean).value_or(0);
  return purged;
}

/// Returns how many bytes from here to `fresh` were in memory, or nothing if the system kept them.
/// They read as zero again, so they are fresh again.
std::optional<std::uint64_t> Purge::purge_tail(Offset begin) {
  const Offset end{align_up(blocks_.fresh().value, region_.unit())};
  const auto purged = region_.discard(begin, end);
  if (purged) blocks_.set_fresh(begin);
  return purged;
}

}  // namespace rheap
