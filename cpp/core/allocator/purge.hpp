#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/region/block_list.hpp"
#include "core/region/region.hpp"

namespace rheap {

/// Gives memory that no block uses back to the system: the dirty tail (the part of the wilderness
/// that blocks once reached) a step with each free, and all that is free when `trim` asks for it.
///
/// What blocks reached lately they may reach again, so memory goes back only after a while, as in
/// jemalloc's decay.
class Purge {
 public:
  /// Bytes of the dirty tail that a heap keeps, or a quarter of the live bytes if that is more.
  /// From twice as many on it purges what no block reached during the last so many frees.
  static constexpr std::uint64_t kept_bytes = std::uint64_t{8} << 20;
  static constexpr unsigned frees_per_turn = 64;
  static constexpr std::uint64_t step_bytes = std::uint64_t{128} << 10;

  Purge(Region& region, BlockList& blocks) : region_(region), blocks_(blocks) {}

  /// The wilderness began here, and begins lower now.
  void note_retreat(Offset wilderness) {
    reached_ = std::max(reached_, wilderness);
    due_ = true;
  }
  /// Whether there may be something to purge.
  [[nodiscard]] bool is_due() const { return due_; }
  /// Purges a little, if there is too much. With each free, as long as it is due.
  void step(std::uint64_t live_bytes);
  /// Purges the pages inside free blocks, and the whole dirty tail. Nothing may be deferred.
  /// Returns how many bytes of them were in memory.
  std::uint64_t all();

 private:
  std::optional<std::uint64_t> purge_tail(Offset begin);

  Region& region_;
  BlockList& blocks_;
  bool due_ = false;
  bool shrinking_ = false;  ///< a tail that was too long is being purged
  unsigned frees_ = 0;      ///< of this turn
  Offset reached_{};        ///< the highest wilderness in this turn, and in the one before
  Offset reached_before_{};
};

}  // namespace rheap
