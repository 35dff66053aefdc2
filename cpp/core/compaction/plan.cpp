#include "core/compaction/plan.hpp"

#include <algorithm>

#include "core/system/clock.hpp"

namespace rheap {

namespace {

/// How many times what is live, with its words, the extent is.
double ratio_of(const Allocator& allocator) {
  const Tally& live = allocator.counters().live;
  const BlockList& blocks = allocator.blocks();
  return static_cast<double>(blocks.wilderness() - blocks.first()) /
         static_cast<double>(live.bytes + live.blocks * word_bytes + word_bytes);
}

}  // namespace

CompactionPlan::CompactionPlan(const Terms& terms)
    : terms_(terms), since_(system::microseconds()), begins_above_(terms.above) {}

void CompactionPlan::go_on(Compaction& compaction, const Allocator& allocator, Owners& owners) {
  const BlockList& blocks = allocator.blocks();
  if (blocks.wilderness() - blocks.first() < least_extent) return;
  if (!is_due(ratio_of(allocator))) return;
  const std::uint64_t now = system::microseconds();
  if (!has_time(now)) return;
  const bool finished = compaction.run({.microseconds = slice}, owners).finished;
  spent_ += system::microseconds() - now;
  if (finished) note_end(ratio_of(allocator));
}

std::optional<Allocation> CompactionPlan::place_low(Compaction& compaction, std::uint64_t bytes,
                                                    std::uint64_t align, Owners& owners) {
  const std::uint64_t now = system::microseconds();
  if (!has_time(now)) return {};
  std::optional<Allocation> placed = compaction.allocate_low(bytes, align, owners);
  spent_ += system::microseconds() - now;
  return placed;
}

bool CompactionPlan::has_time(std::uint64_t now) const {
  return static_cast<double>(spent_) < static_cast<double>(now - since_) * terms_.share;
}

bool CompactionPlan::is_due(double ratio) {
  working_ = ratio > (working_ ? terms_.until : begins_above_);
  return working_;
}

/// After a round that immovable blocks kept from its end the next one waits until there is more to
/// gain.
void CompactionPlan::note_end(double ratio) {
  working_ = false;
  begins_above_ = std::max(terms_.above, ratio * terms_.above / terms_.until);
}

}  // namespace rheap
