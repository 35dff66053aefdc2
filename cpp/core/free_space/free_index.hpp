#pragma once

#include <bit>
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

  void insert(Offset block, std::uint64_t size) { push(block, list_of(size)); }
  void remove(Offset block, std::uint64_t size);
  /// Removes a block and inserts another, made of it: its front was cut off, or it has grown. Does
  /// almost nothing when it can stay in its list.
  void replace(Hole old, Hole made);
  /// Throw Damage unless all is whole that these two believe.
  void verify_insert(std::uint64_t size) const;
  void verify_remove(Offset block, std::uint64_t size) const;

  /// How many blocks of a list `find` compares.
  static constexpr unsigned compared = 4;
  /// A block of at least `size` bytes, in constant time, or none. It may overlook one that is
  /// large enough, behind too many smaller ones in its list; `search` does not.
  [[nodiscard]] Hole find(std::uint64_t size) const;
  /// The size of the largest free block, 0 when there is none.
  [[nodiscard]] std::uint64_t largest() const;

  /// Calls `visit(block, word)` for the free blocks of at least `size` bytes (and some smaller)
  /// until it returns true; returns that block.
  template <typename Visit>
  Offset search(std::uint64_t size, const Visit& visit) const {
    if (size > capacity_limit) return {};
    for (unsigned list = list_of(size); list < lists; ++list) {
      const Offset found = search_list(list, visit);
      if (found) return found;
    }
    return {};
  }

  /// Forgets every block.
  void clear();
  /// Invariant 5 for one list after the other: throws Damage where a bit and its list disagree.
  void verify_bits() const;

 private:
  struct Links {
    Offset next;
    Offset previous;
  };
  static constexpr unsigned lists = first_level * second_level;
  /// A list is its row times the columns of a row, plus its column. The lists of the first two rows
  /// are of one size each; in each row from there they are twice as wide as in the one before.
  [[gnu::always_inline]] static unsigned list_of(std::uint64_t size) {
    const auto log2 = static_cast<unsigned>(std::bit_width(size | linear_limit)) - 1;
    return (log2 - 8) * second_level + static_cast<unsigned>(size >> (log2 - second_level_bits));
  }
  static constexpr unsigned row_of(unsigned list) { return list / second_level; }
  static constexpr std::uint32_t bit_of(unsigned list) { return 1U << list % second_level; }
  /// The size of all blocks in a list of the first two rows.
  static constexpr std::uint64_t size_in(unsigned list) { return list * std::uint64_t{8}; }
  static constexpr unsigned linear_lists = 2 * second_level;

  template <typename Visit>
  Offset search_list(unsigned list, const Visit& visit) const {
    Offset before{};
    for (Offset block = head(list); block;) {
      const Word word = member(block, list);
      if (previous_link(block) != before) BlockList::damaged(block, "a list's back link");
      if (visit(block, word)) return block;
      before = block;
      block = next_link(block);
    }
    return {};
  }

  /// The best of the first few in a list that has a block, or none if they are too small.
  [[nodiscard]] Hole best_in(unsigned list, std::uint64_t size) const;
  [[nodiscard]] Hole best_of_several(unsigned list, std::uint64_t size) const;
  /// The first list from this one on that has a block, or one that does not exist.
  [[nodiscard]] unsigned used_from(unsigned list) const;

  [[nodiscard]] Offset& head(unsigned list) const { return memory_.header().index.heads[list]; }
  /// The word of a block that a list names. Throws Damage unless it belongs there.
  [[nodiscard]] Word member(Offset block, unsigned list) const;
  /// The first block of a list that has one. Throws Damage unless it is first.
  [[nodiscard]] Hole first_in(unsigned list) const;
  /// Throws Damage unless the neighbours, or the head, name this block.
  [[nodiscard]] Links verified_links(Offset block, unsigned list) const;
  void push(Offset block, unsigned list);
  void unlink(const Links& links, unsigned list);

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

  Memory memory_;
  BlockList& blocks_;
};

[[gnu::always_inline]] inline Word FreeIndex::member(Offset block, unsigned list) const {
  constexpr auto invariant = "a free list of blocks of its sizes";
  if (list < linear_lists) {
    return blocks_.expect(block, size_in(list), State::free, invariant);
  }
  const Word word = blocks_.expect_any(block, State::free, invariant);
  if (list_of(word.size()) != list) [[unlikely]]
    BlockList::damaged(block, invariant);
  return word;
}

[[gnu::always_inline]] inline Hole FreeIndex::first_in(unsigned list) const {
  const Offset block = head(list);
  const Word word = member(block, list);
  if (previous_link(block)) [[unlikely]]
    BlockList::damaged(block, "a list's back link");
  return {block, word.size()};
}

[[gnu::always_inline]] inline void FreeIndex::push(Offset block, unsigned list) {
  FreeIndexHeader& index = memory_.header().index;
  const Offset next = index.heads[list];
  if (next) {
    static_cast<void>(first_in(list));
    link_previous(next, block);
  } else {
    std::uint32_t& columns = index.columns[row_of(list)];
    Memory::store(columns, columns | bit_of(list));
    Memory::store(index.rows, index.rows | std::uint64_t{1} << row_of(list));
  }
  link_next(block, next);
  link_previous(block, {});
  Memory::store(index.heads[list].value, block.value);
}

[[gnu::always_inline]] inline FreeIndex::Links FreeIndex::verified_links(Offset block,
                                                                         unsigned list) const {
  const Links links{next_link(block), previous_link(block)};
  if (links.next) {
    static_cast<void>(member(links.next, list));
    if (previous_link(links.next) != block) [[unlikely]]
      BlockList::damaged(links.next, "a list's back link");
  }
  if (links.previous) {
    static_cast<void>(member(links.previous, list));
    if (next_link(links.previous) != block) [[unlikely]]
      BlockList::damaged(links.previous, "a list's forward link");
  } else if (head(list) != block) [[unlikely]] {
    BlockList::damaged(block, "a list's head");
  }
  return links;
}

[[gnu::always_inline]] inline void FreeIndex::unlink(const Links& links, unsigned list) {
  const auto [next, previous] = links;
  if (next) link_previous(next, previous);
  if (previous) return link_next(previous, next);
  FreeIndexHeader& index = memory_.header().index;
  Memory::store(index.heads[list].value, next.value);
  if (next) return;
  std::uint32_t& columns = index.columns[row_of(list)];
  Memory::store(columns, columns & ~bit_of(list));
  if (columns == 0) {
    Memory::store(index.rows, index.rows & ~(std::uint64_t{1} << row_of(list)));
  }
}

[[gnu::always_inline]] inline void FreeIndex::replace(Hole old, Hole made) {
  const unsigned from = list_of(old.size);
  const unsigned to = list_of(made.size);
  if (from == to && old.start == made.start) return;
  const Links links = verified_links(old.start, from);
  if (from != to) {
    unlink(links, from);
    push(made.start, to);
    return;
  }
  // It stays in its list, between the same neighbours.
  const auto [next, previous] = links;
  link_next(made.start, next);
  link_previous(made.start, previous);
  if (next) link_previous(next, made.start);
  if (previous) {
    link_next(previous, made.start);
  } else {
    Memory::store(head(from).value, made.start.value);
  }
}

[[gnu::always_inline]] inline unsigned FreeIndex::used_from(unsigned list) const {
  const FreeIndexHeader& index = memory_.header().index;
  unsigned row = row_of(list);
  if (row >= first_level) return lists;
  std::uint32_t columns = index.columns[row] & ~0U << list % second_level;
  if (columns == 0) {
    const std::uint64_t rows = index.rows & ~std::uint64_t{1} << row;
    if (rows == 0) return lists;
    row = static_cast<unsigned>(std::countr_zero(rows));
    if (row < first_level) columns = index.columns[row];
    if (columns == 0) BlockList::damaged({}, "a bit for each list");
  }
  return row * second_level + static_cast<unsigned>(std::countr_zero(columns));
}

[[gnu::always_inline]] inline Hole FreeIndex::best_in(unsigned list, std::uint64_t size) const {
  const Hole first = first_in(list);
  if (list >= linear_lists && next_link(first.start)) return best_of_several(list, size);
  return first.size >= size ? first : Hole{};
}

[[gnu::always_inline]] inline Hole FreeIndex::find(std::uint64_t size) const {
  if (size > capacity_limit) return {};
  unsigned list = list_of(size);
  if (list >= linear_lists) {
    if (head(list)) {
      if (const Hole best = best_in(list, size)) return best;
    }
    ++list;  // from here on every block is large enough
  }
  list = used_from(list);
  return list < lists ? best_in(list, size) : Hole{};
}

}  // namespace rheap
