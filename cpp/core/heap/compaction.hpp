#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "core/heap/allocator.hpp"
#include "core/heap/handles.hpp"

namespace rheap {

/// Whoever has the handles of a heap. Each call comes with the heap's lock held, so it must not
/// call the heap, nor wait for a thread that does.
class Owners {
 public:
  /// Whether nobody but the handle knows the block's address.
  virtual bool may_move(const Handle& handle) noexcept = 0;
  /// The block was moved; `from` is where its payload was.
  virtual void moved(Handle& handle, Offset from) noexcept = 0;

 protected:
  ~Owners() = default;
};

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

/// Moves live blocks so that what is free comes together: by sliding them towards the low end in
/// address order, a pass that can stop anywhere and go on from there; or, for one request, by
/// emptying the stretch that costs least. What may not move is a wall to it; blocks that are known
/// to become walls can be placed where they stand together.
///
/// Slides as LISP's collectors do (Haddon, Waite: "A compaction procedure for variable-length
/// storage elements", 1967), but finds the handles of a block by its window of the region, so that
/// nothing is sorted or marked before the first block moves.
class Compaction {
 public:
  Compaction(Allocator& allocator, HandleTable& handles)
      : allocator_(allocator), handles_(handles) {}

  /// Goes on where the last pass stopped. Throws Damage.
  CompactionFigures run(const CompactionBounds& bounds, Owners& owners);
  /// Moves what costs least until there is a hole for a request of so many bytes, or all was tried.
  /// Throws Damage.
  void make_room(std::uint64_t bytes, std::uint64_t align, Owners& owners);
  /// A new block that will stay where it is, near the low end, where it stands in nobody's way:
  /// what may move makes room. None if that would take more than a little.
  std::optional<Allocation> allocate_low(std::uint64_t bytes, std::uint64_t align, Owners& owners);

 private:
  class Pass;
  /// Of a block that is given a place near the low end; to move as much for a larger one would take
  /// too long.
  static constexpr std::uint64_t largest_low = std::uint64_t{64} << 10;
  static constexpr unsigned seen_for_low = 256;
  static constexpr std::uint64_t merged_for_low = 1024;
  /// To find where room costs least takes a look at each block, as long as to move so many bytes of
  /// it. A request for less gets room beside a large hole, after a look at a few blocks; or, where
  /// that fails, together with those after it.
  static constexpr std::uint64_t bytes_per_block = 8;
  static constexpr unsigned seen_beside_hole = 64;

  struct Stretch {
    Offset begin{};
    Offset end{};
    std::uint64_t cost = CompactionBounds::none;  ///< live bytes

    explicit operator bool() const { return cost != CompactionBounds::none; }
  };
  enum class Way { emptying, sliding };

  [[nodiscard]] std::uint64_t largest_room() const;
  bool gather(std::uint64_t needed, Owners& owners);
  Stretch beside_hole(std::uint64_t needed, HandleCursor& cursor, Owners& owners) const;
  Stretch cheapest(std::uint64_t needed, Way way, Owners& owners) const;
  Stretch lowest(std::uint64_t needed, HandleCursor& cursor, Owners& owners);
  Offset first_from(Offset place, HandleCursor& cursor) const;
  bool empty_cheapest(std::uint64_t needed, Owners& owners);
  bool empty(const Stretch& stretch, HandleCursor& cursor, Owners& owners);
  bool move_elsewhere(Handle& handle, bool wilderness, Owners& owners);
  template <typename Visit>
  void for_each_hole(Offset begin, Offset end, Visit&& visit) const;

  Allocator& allocator_;
  HandleTable& handles_;
  Offset at_{};   ///< everything before it was compacted in this round of passes
  Offset low_{};  ///< no place for a block that will stay was found before it in this round
};

}  // namespace rheap
