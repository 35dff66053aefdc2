#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/region/block_list.hpp"
#include "core/region/region.hpp"

namespace rheap {

/// Blocks that were given back and not merged yet, ready for the next request of their size: for
/// each size up to `quick_limit` a last-in, first-out list (Weinstock, Wulf: "Quick fit: an
/// efficient algorithm for heap storage allocation", 1988).
class Deferred {
 public:
  Deferred(Memory region, BlockList& blocks) : memory_(region), blocks_(blocks) {}

  static constexpr bool takes(std::uint64_t size) { return size <= quick_limit; }
  /// Takes in a block of such a size that is already marked deferred.
  void push(Offset block, std::uint64_t size);
  /// A block of exactly `size` bytes whose payload is aligned, or none. Still marked deferred.
  Block pop(std::uint64_t size, std::uint64_t align);
  /// The next one to merge: one of the largest. None when nothing is deferred.
  Block pop_largest();
  /// The block that `pop` would try first, not verified yet. `size` is one that it takes.
  [[nodiscard]] Offset first(std::uint64_t size) const { return header().heads[list_of(size)]; }
  /// Takes out the first block of a size.
  void drop_first(std::uint64_t size, Offset block);
  /// Whether there is certainly none.
  [[nodiscard]] bool empty() const {
    return std::ranges::all_of(header().lists, [](std::uint64_t bits) { return bits == 0; });
  }

  /// Calls `visit(block, word)` for each. Throws Damage where a list or a bit is wrong, or when
  /// more are found than `most`, as in a list that runs in circles.
  template <typename Visit>
  void for_each(std::uint64_t most, Visit&& visit) const;
  void clear() { memory_.header().deferred = DeferredHeader{}; }

 private:
  [[nodiscard]] DeferredHeader& header() const { return memory_.header().deferred; }
  // As wide as an offset, so that the compiler sees that what it divides by 8 it multiplies by 8.
  static constexpr std::uint64_t list_of(std::uint64_t size) { return (size - smallest_block) / 8; }
  static constexpr std::uint64_t size_in(std::uint64_t list) {
    return smallest_block + list * std::uint64_t{8};
  }
  /// The part of `lists` that has a list's bit, and the bit.
  static constexpr std::uint64_t part_of(std::uint64_t list) { return list / 64; }
  static constexpr std::uint64_t bit_of(std::uint64_t list) {
    return std::uint64_t{1} << list % 64;
  }
  /// The word of a block that a list names. Throws Damage unless it is deferred and of its size.
  [[nodiscard]] Word member(Offset block, std::uint64_t list) const {
    return blocks_.expect(block, size_in(list), State::deferred,
                          "a deferred block in the list of its size");
  }
  Block pop_from(std::uint64_t list);

  Memory memory_;
  BlockList& blocks_;
};

[[gnu::always_inline]] inline void Deferred::push(Offset block, std::uint64_t size) {
  DeferredHeader& lists = header();
  const std::uint64_t list = list_of(size);
  const Offset head = lists.heads[list];
  memory_.store(next_link_of(block), head.value);
  Memory::store(lists.heads[list].value, block.value);
  if (!head) {
    std::uint64_t& bits = lists.lists[part_of(list)];
    Memory::store(bits, bits | bit_of(list));
  }
}

[[gnu::always_inline]] inline void Deferred::drop_first(std::uint64_t size, Offset block) {
  DeferredHeader& lists = header();
  const std::uint64_t list = list_of(size);
  Memory::store(lists.heads[list].value, memory_.load(next_link_of(block)));
}

[[gnu::always_inline]] inline Block Deferred::pop_from(std::uint64_t list) {
  const DeferredHeader& lists = header();
  const Offset block = lists.heads[list];
  const Word word = member(block, list);
  drop_first(size_in(list), block);
  return {block, word};
}

[[gnu::always_inline]] inline Block Deferred::pop(std::uint64_t size, std::uint64_t align) {
  if (!takes(size)) return {};
  const Offset block = header().heads[list_of(size)];
  const bool fits = block && is_aligned(payload_of(block), align);
  return fits ? pop_from(list_of(size)) : Block{};
}

template <typename Visit>
void Deferred::for_each(std::uint64_t most, Visit&& visit) const {
  const DeferredHeader& lists = header();
  std::uint64_t seen = 0;
  for (unsigned list = 0; list < quick_lists; ++list) {
    if (lists.heads[list] && (lists.lists[part_of(list)] & bit_of(list)) == 0) {
      BlockList::damaged({}, "a bit for each list that has a block");
    }
    for (Offset block = lists.heads[list]; block;
         block = memory_.load_offset(next_link_of(block))) {
      if (++seen > most) BlockList::damaged(block, "a deferred block in one list only");
      visit(block, member(block, list));
    }
  }
}

}  // namespace rheap
