#pragma once

#include <cstdint>

#include "core/free_space/policy.hpp"
#include "core/region/block_list.hpp"
#include "core/region/region.hpp"

namespace rheap {

/// Two-level segregated fit: finds a free block that is large enough in constant time. A bitmap
/// names the rows (powers of two) that hold anything, one per row names its columns. Of the blocks
/// in one list it takes the best of a few: the smallest that is large enough, of equal ones the
/// lowest, which packs best (Wilson, Johnstone, Neely, Boles: "Dynamic storage allocation: a survey
/// and critical review", 1995, on best fit in address order).
class FreeIndex {
 public:
  FreeIndex(Memory region, BlockList& blocks) : memory_(region), blocks_(blocks) {}

  void insert(Offset block, std::uint64_t size);
  void remove(Offset block, std::uint64_t size);
  /// Removes a block and inserts what is left of it when its front is cut off.
  void replace(Hole hole, Hole rest);
  /// Throw Damage unless all is whole that these two believe.
  void verify_insert(std::uint64_t size) const;
  void verify_remove(Offset block, std::uint64_t size) const;

  /// How many blocks of a list `find` compares.
  static constexpr unsigned compared = 8;
  /// A block of at least `size` bytes, in constant time, or none. It may overlook one that is
  /// large enough, behind too many smaller ones in its list; `search` does not.
  [[nodiscard]] Hole find(std::uint64_t size) const;
  /// The size of the largest free block, 0 when there is none.
  [[nodiscard]] std::uint64_t largest() const;

  /// Calls `visit(block, word)` for the free blocks of at least `size` bytes (and some smaller)
  /// until it returns true; returns that block.
  template <typename Visit>
  Offset search(std::uint64_t size, Visit visit) const {
    for (Cell cell = cell_of(size); cell.row < first_level; cell = behind(cell)) {
      const Offset found = search_list(cell, visit);
      if (found) return found;
    }
    return {};
  }

  /// Forgets every block.
  void clear();
  /// Invariant 5 for one cell after the other: throws Damage where a bit and its list disagree.
  void verify_bits() const;

 private:
  struct Cell {
    unsigned row;
    unsigned column;
    bool operator==(const Cell&) const = default;
  };
  struct Links {
    Offset next;
    Offset previous;
  };
  static Cell cell_of(std::uint64_t size);
  /// The size of all blocks in a list of the first row.
  static constexpr std::uint64_t size_in(Cell cell) { return cell.column * std::uint64_t{8}; }
  static Cell behind(Cell cell) {
    return cell.column + 1 < second_level ? Cell{cell.row, cell.column + 1} : Cell{cell.row + 1, 0};
  }

  template <typename Visit>
  Offset search_list(Cell cell, Visit& visit) const {
    Offset before{};
    for (Offset block = head(cell); block;) {
      const Word word = member(block, cell);
      if (previous_link(block) != before) BlockList::damaged(block, "a list's back link");
      if (visit(block, word)) return block;
      before = block;
      block = next_link(block);
    }
    return {};
  }

  /// The best of the first few in a list.
  [[nodiscard]] Hole best_in(Cell cell, std::uint64_t size) const;
  /// The first list from this one on that has a block, or none (a row that does not exist).
  [[nodiscard]] Cell used_from(Cell cell) const;

  [[nodiscard]] Offset& head(Cell cell) const {
    return memory_.header().index.heads[cell.row][cell.column];
  }
  /// The word of a block that a list of this cell names. Throws Damage unless it belongs there.
  [[nodiscard]] Word member(Offset block, Cell cell) const;
  [[nodiscard]] Offset first_in(Cell cell) const;
  /// The neighbours of a block in its list. Throws Damage unless they and their links are whole.
  [[nodiscard]] Links verified_links(Offset block, Cell cell) const;

  [[nodiscard]] Offset next_link(Offset block) const {
    return memory_.load_offset(next_link_of(block));
  }
  [[nodiscard]] Offset previous_link(Offset block) const {
    return {memory_.load(previous_link_of(block)) & ~std::uint64_t{1}};
  }
  void link_next(Offset block, Offset next) { memory_.store(next_link_of(block), next.value); }
  // Tagged, so that in a block of 24 bytes it can be told from a footer.
  void link_previous(Offset block, Offset previous) {
    memory_.store(previous_link_of(block), previous.value | 1);
  }
  void set_bit(Cell cell);
  void clear_bit(Cell cell);

  Memory memory_;
  BlockList& blocks_;
};

}  // namespace rheap
