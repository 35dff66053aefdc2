#pragma once

#include <cstdint>

#include "core/compaction/compaction.hpp"

namespace rheap {

/// Keeps the extent of a heap near what is live, a little with each operation, in a share of the
/// time.
class CompactionPlan {
 public:
  struct Terms {
    double above;  ///< begins when the extent is so many times what is live,
    double until;  ///< ends when it is so many times that or less, or nothing moves any more,
    double share;  ///< and takes no more than this part of the time since the plan was made
  };
  explicit CompactionPlan(const Terms& terms);
  [[nodiscard]] const Terms& terms() const { return terms_; }

  /// Does some of the work, if any is due. Throws Damage.
  void go_on(Compaction& compaction, const Allocator& allocator, Owners& owners);
  /// As `Compaction::allocate_low`, if there is time for it.
  std::optional<Allocation> place_low(Compaction& compaction, std::uint64_t bytes,
                                      std::uint64_t align, Owners& owners);

 private:
  /// Microseconds of one pass.
  static constexpr std::uint64_t slice = 1000;
  /// Bytes of a heap that is left alone.
  static constexpr std::uint64_t least_extent = std::uint64_t{1} << 20;

  [[nodiscard]] bool has_time(std::uint64_t now) const;
  [[nodiscard]] bool is_due(double ratio);
  void note_end(double ratio);

  Terms terms_;
  std::uint64_t since_;
  std::uint64_t spent_ = 0;  ///< microseconds
  bool working_ = false;
  double begins_above_;  ///< more than `above` where immovable blocks ended the last round
};

}  // namespace rheap
