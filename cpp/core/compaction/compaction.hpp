#pragma once

#include <cstdint>
#include <optional>

#include "core/compaction/evacuation.hpp"
#include "core/compaction/sliding.hpp"

namespace rheap {

/// Moves live blocks so that what is free comes together: by sliding them towards the low end in
/// address order, a pass that can stop anywhere and go on from there; or, for one request, by
/// emptying the range that costs least. Blocks that are known to become immovable can be placed
/// where they stand together.
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
  /// Of a block that is given a place near the low end; to move as much for a larger one would take
  /// too long.
  static constexpr std::uint64_t largest_low = std::uint64_t{64} << 10;
  static constexpr std::uint64_t merged_for_low = 1024;
  /// To find where room costs least takes a look at each block, as long as to move so many bytes of
  /// it. A request for less gets room beside a large hole, after a look at a few blocks; or, where
  /// that fails, together with those after it.
  static constexpr std::uint64_t bytes_per_block = 8;

  bool gather(Evacuation& evacuation, std::uint64_t needed, Owners& owners);

  Allocator& allocator_;
  HandleTable& handles_;
  Offset at_{};   ///< everything before it was compacted in this round of passes
  Offset low_{};  ///< no place for a block that will stay was found before it in this round
};

}  // namespace rheap
