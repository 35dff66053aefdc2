#pragma once

#include <cstdint>

#include "core/compaction/relocation.hpp"
#include "core/handles/handles.hpp"
#include "core/handles/owners.hpp"

namespace rheap {

/// A run of neighbouring blocks, none of which is immovable, and what it costs to move them.
struct BlockRange {
  Offset begin{};
  Offset end{};
  std::uint64_t cost = ~std::uint64_t{0};  ///< live bytes; the most there are for no range

  explicit operator bool() const { return cost != BlockRange{}.cost; }
};

/// Makes room for one request by moving the live blocks of a range elsewhere: which range that is,
/// where a look at every block pays or only at a few, and the moving. Nothing may be deferred. Each
/// function has a cursor of its own, since what moves would make a kept one wrong.
class Evacuation {
 public:
  Evacuation(Allocator& allocator, HandleTable& handles, Owners& owners)
      : allocator_(allocator), relocation_(allocator), handles_(handles), owners_(owners) {}

  /// The largest hole, of which the wilderness may be one. No larger block can be moved elsewhere.
  [[nodiscard]] std::uint64_t largest_room() const;

  enum class Way {
    elsewhere,  ///< all bytes of the range are then free
    sliding,    ///< those that are free now come together
  };
  /// The range that yields enough and costs least. Looks at every block.
  [[nodiscard]] BlockRange cheapest(std::uint64_t needed, Way way) const;
  /// From a hole that is among the largest on, as far as it takes; none if that is far.
  [[nodiscard]] BlockRange beside_large_hole(std::uint64_t needed) const;
  /// The lowest that is long enough, among a few blocks from `from` on. There the next search goes
  /// on.
  [[nodiscard]] BlockRange lowest(std::uint64_t needed, Offset& from) const;

  /// Moves the live blocks of the range elsewhere; returns whether all found a place. (If not,
  /// those that did are there.) Throws Damage.
  bool empty(const BlockRange& range);

 private:
  static constexpr unsigned seen_beside_hole = 64;
  static constexpr unsigned seen_for_lowest = 256;

  bool may_leave(Block block, std::uint64_t most, HandleCursor& cursor) const;
  Offset first_from(Offset place, HandleCursor& cursor) const;
  bool move_elsewhere(Handle& handle, bool wilderness);
  template <typename Visit>
  void for_each_hole(Offset begin, Offset end, Visit&& visit) const;

  Allocator& allocator_;
  Relocation relocation_;
  HandleTable& handles_;
  Owners& owners_;
};

}  // namespace rheap
