#pragma once

#include <cstdint>
#include <limits>

#include "core/compaction/relocation.hpp"
#include "core/handles/handles.hpp"
#include "core/handles/owners.hpp"

namespace rheap {

/// What one pass may cost. A block that no pass of this cost could move is left where it is.
struct CompactionBounds {
  static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t bytes = none;         ///< of blocks that are moved
  std::uint64_t microseconds = none;  ///< of all that it does

  [[nodiscard]] bool are_none() const { return bytes == none && microseconds == none; }
};

/// What a pass did.
struct CompactionFigures {
  Tally moved{};          ///< blocks, their words included
  Tally too_large{};      ///< left where they are, for the bounds of this pass
  bool finished = false;  ///< it came to the end of the blocks
};

/// One pass that slides live blocks towards the low end, in address order, and carries a detached
/// hole along that takes in what is free (Haddon, Waite: "A compaction procedure for
/// variable-length storage elements", 1967). It finds the handles by their window of the region, so
/// nothing is sorted or marked before the first block moves, and can stop at any block.
///
/// Without bounds it makes all lists of holes anew, since to take each hole out of its list would
/// cost more than all the rest.
class Sliding {
 public:
  Sliding(Allocator& allocator, HandleTable& handles, const CompactionBounds& bounds,
          Owners& owners);

  /// Slides all blocks, without bounds.
  void slide_all();
  /// Merges what is deferred. Returns false when there was no time for all of it.
  bool merge();
  /// Slides the blocks whose payloads start in [begin, end). Returns the first that it did not come
  /// to, or `end`. Nothing may be deferred.
  Offset slide(Offset begin, Offset end);

  [[nodiscard]] const CompactionFigures& figures() const { return figures_; }

 private:
  static constexpr std::uint64_t merges_at_once = 64;
  /// The clock is read after so many blocks or bytes or empty windows.
  static constexpr unsigned blocks_at_once = 32;
  static constexpr std::uint64_t bytes_at_once = std::uint64_t{256} << 10;
  static constexpr unsigned windows_at_once = 1024;
  /// So many bytes a microsecond a large block is expected to move.
  static constexpr std::uint64_t rate = 4096;

  [[nodiscard]] bool is_timed() const { return bounds_.microseconds != CompactionBounds::none; }
  /// Whether there is no time left, after what takes so many microseconds.
  [[nodiscard]] bool is_over(std::uint64_t more = 0) const;
  bool is_over_now_and_then();
  bool slide_window(std::size_t window, Offset begin, Offset end);
  bool visit(Handle& handle);
  enum class Decision { move, stay, stop };
  Decision decide(const Handle& handle, Block block);
  void take_in(Block hole);
  void take_in_from(Offset at);

  Allocator& allocator_;
  Relocation relocation_;
  HandleTable& handles_;
  CompactionBounds bounds_;
  Owners& owners_;
  std::uint64_t began_;
  CompactionFigures figures_;
  bool listed_ = true;  ///< whether holes are in lists
  bool first_ = true;   ///< no block was visited yet
  DetachedHole hole_;
  Offset stopped_{};
  unsigned blocks_unclocked_ = 0;
  std::uint64_t bytes_unclocked_ = 0;
};

}  // namespace rheap
