#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/allocator/allocator.hpp"

namespace rheap::replay {

/// Bytes of a region that are one block, whoever has them.
struct Tile {
  std::uint64_t place;  ///< of its word
  std::uint64_t size;   ///< bytes, the word included
  State state;

  bool operator==(const Tile&) const = default;
};

/// A block that an operation has made or changed. A tile without a size: all from its place on has
/// become wilderness again.
struct Birth {
  Tile tile;
  std::uint64_t size_before;  ///< of the block that started at this place before, 0 for none
};

/// Finds which blocks of a region an operation has changed, by comparing what it knows with what is
/// there. The allocator is not asked to tell.
///
/// A live block changes only by its own operation, and a deferred one only by leaving its list. So
/// it reads anew what lies around those, as far as the next block that cannot have changed, and
/// then compares the sums with the allocator's. Where they disagree it reads everything.
class TileWatch {
 public:
  explicit TileWatch(const Allocator& allocator) : allocator_(allocator) {}

  /// What is new since the last call, in address order. `had`, `has`: the word of the block of the
  /// operation, before and now, or none.
  const std::vector<Birth>& look(Offset had, Offset has);
  /// The same, after blocks were moved to these places (of their words, in address order). Each of
  /// them is a birth, also where a block of the same size lay before.
  const std::vector<Birth>& look_after_moves(std::span<const std::uint64_t> places);

 private:
  void begin_look();
  const std::vector<Birth>& end_look();
  void note_retreat();
  void look_at_lists();
  void look_at_list(std::size_t list, Offset head);
  void take_out(std::vector<std::uint64_t>& waiting, std::uint64_t until);
  void read_around(std::uint64_t place);
  void read_everything(std::span<const std::uint64_t> moved = {});
  void replace(std::uint64_t start, std::uint64_t end, std::span<const std::uint64_t> moved = {});
  [[nodiscard]] Tile tile_at(std::uint64_t place) const;
  [[nodiscard]] bool was_deferred(std::uint64_t place) const;
  [[nodiscard]] bool may_have_changed(const Tile& tile) const;
  [[nodiscard]] bool sums_agree() const;
  [[nodiscard]] std::uint64_t wilderness() const { return allocator_.blocks().wilderness().value; }
  Tally& sum_of(const Tile& tile) { return sums_[static_cast<std::size_t>(tile.state)]; }

  const Allocator& allocator_;
  std::map<std::uint64_t, Tile> tiles_;  ///< what is known, by place
  std::uint64_t end_ = first_block.value;
  std::array<Tally, 3> sums_{};  ///< of what is known, by state
  std::array<Offset, quick_lists> heads_{};
  std::array<std::vector<std::uint64_t>, quick_lists> waiting_;  ///< deferred blocks, oldest first
  std::vector<std::uint64_t> touched_;
  std::vector<Tile> found_;
  std::vector<Birth> births_;
};

}  // namespace rheap::replay
