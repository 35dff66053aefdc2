#pragma once

#include <cstdint>

#include "core/region/block_list.hpp"
#include "core/region/region.hpp"

namespace rheap {

/// Two-level segregated fit: finds a free block that is large enough in constant time. A bitmap
/// names the rows (powers of two) that hold anything, one per row names its columns.
///
/// One free block, the victim, is in no list: small requests are cut from it one behind the other.
/// So blocks that are allocated together lie together, and no list changes. When another block is
/// cut, what is left of it becomes the next victim. (Lea, "A memory allocator", 1996.)
class FreeIndex {
 public:
  FreeIndex(Memory region, BlockList& blocks) : memory_(region), blocks_(blocks) {}

  void insert(Offset block, std::uint64_t size);
  /// As `insert`, for what is left of a block that was cut.
  void insert_rest(Offset block, std::uint64_t size);
  void remove(Offset block, std::uint64_t size);
  /// Throw Damage unless everything is whole that `insert` or `remove` will rely on.
  void verify_insert(std::uint64_t size) const;
  void verify_remove(Offset block, std::uint64_t size) const;

  /// A block of at least `size` bytes, in constant time, or none. It may overlook one that is
  /// large enough but shares its list with smaller ones; `search` does not.
  [[nodiscard]] Offset find(std::uint64_t size) const;
  /// The size of the largest free block, 0 when there is none.
  [[nodiscard]] std::uint64_t largest() const;

  /// Calls `visit(block, word)` for the free blocks of at least `size` bytes (and some smaller)
  /// until it returns true; returns that block.
  template <typename Visit>
  Offset search(std::uint64_t size, Visit visit) const {
    if (victim().block && visit(victim().block, verify_victim())) return victim().block;
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
  };
  static Cell cell_of(std::uint64_t size);
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

  [[nodiscard]] const SizedBlock& victim() const { return memory_.header().index.victim; }
  void set_victim(Offset block, std::uint64_t size) {
    Memory::store(memory_.header().index.victim.size, size);
    Memory::store(memory_.header().index.victim.block.value, block.value);
  }
  /// The word of the victim. Throws Damage unless it is a free block of its size.
  Word verify_victim() const {
    return blocks_.expect(victim(), State::free, "a free block to cut from");
  }
  Offset verified_victim() const {
    verify_victim();
    return victim().block;
  }
  [[nodiscard]] Offset find_listed(std::uint64_t size) const;

  [[nodiscard]] Offset& head(Cell cell) const {
    return memory_.header().index.heads[cell.row][cell.column];
  }
  /// The word of a block that a list of this cell names. Throws Damage unless it belongs there.
  [[nodiscard]] Word member(Offset block, Cell cell) const;
  [[nodiscard]] Offset first_in(Cell cell) const;

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
