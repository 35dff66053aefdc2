#pragma once

#include <cstdint>

#include "core/region/block_list.hpp"
#include "core/region/region.hpp"

namespace rheap {

/// Blocks that were given back and not merged yet, ready for the next request of their size. Up
/// to `quick_limit` bytes each size has its own last-in, first-out list; larger blocks park in a
/// few slots, of which the one used longest ago gives way.
class Deferred {
 public:
  Deferred(Memory region, BlockList& blocks) : memory_(region), blocks_(blocks) {}

  /// Takes in a block already marked deferred. Returns the block that had to give way, or none,
  /// as a slot named it: it is not `verified` yet.
  SizedBlock push(Offset block, std::uint64_t size);
  /// Throws Damage unless a deferred block of this size starts there.
  [[nodiscard]] Block verified(const SizedBlock& named) const {
    return {named.block, blocks_.expect(named, State::deferred, in_its_list)};
  }
  /// A block of exactly `size` bytes whose payload is aligned, or none. Still marked deferred.
  Block pop(std::uint64_t size, std::uint64_t align);
  /// The next one to merge, whatever its size: parked ones first, then from the largest sizes
  /// down, going on where the last call stopped. None when nothing is deferred.
  Block pop_any();
  [[nodiscard]] bool empty() const;

  /// Calls `visit(block, word)` for each. Throws Damage where a list or a bit is wrong, or when
  /// more are found than `most`, as in a list that runs in circles.
  template <typename Visit>
  void for_each(std::uint64_t most, Visit&& visit) const;
  void clear() { memory_.header().deferred = DeferredHeader{}; }

 private:
  static constexpr auto in_its_list = "a deferred block in the list of its size";

  [[nodiscard]] DeferredHeader& header() const { return memory_.header().deferred; }
  static constexpr std::size_t list_of(std::uint64_t size) { return (size - smallest_block) / 8; }
  static constexpr std::uint64_t size_in(std::size_t list) { return smallest_block + list * 8; }
  /// The word of a block that a list names. Throws Damage unless it is deferred and of its size.
  [[nodiscard]] Word member(Offset block, std::size_t list) const {
    return blocks_.expect(block, size_in(list), State::deferred, in_its_list);
  }
  Block pop_quick(std::size_t list);
  Block pop_parked(std::size_t slot);

  Memory memory_;
  BlockList& blocks_;
};

[[gnu::always_inline]] inline SizedBlock Deferred::push(Offset block, std::uint64_t size) {
  DeferredHeader& lists = header();
  if (size <= quick_limit) {
    const std::size_t list = list_of(size);
    memory_.store(next_link_of(block), lists.heads[list].value);
    Memory::store(lists.heads[list].value, block.value);
    return {};
  }
  std::size_t slot = 0;
  while (slot < parking_slots && lists.parked[slot].block) ++slot;
  SizedBlock gives_way{};
  if (slot == parking_slots) {
    slot = lists.hand % parking_slots;
    gives_way = lists.parked[slot];
    Memory::store(lists.hand, lists.hand + 1);
  }
  Memory::store(lists.parked[slot].size, size);
  Memory::store(lists.parked[slot].block.value, block.value);
  return gives_way;
}

[[gnu::always_inline]] inline Block Deferred::pop_quick(std::size_t list) {
  DeferredHeader& lists = header();
  const Offset block = lists.heads[list];
  const Word word = member(block, list);
  Memory::store(lists.heads[list].value, memory_.load(next_link_of(block)));
  return {block, word};
}

[[gnu::always_inline]] inline Block Deferred::pop(std::uint64_t size, std::uint64_t align) {
  const DeferredHeader& lists = header();
  if (size <= quick_limit) {
    const Offset block = lists.heads[list_of(size)];
    const bool fits = block && is_aligned(payload_of(block), align);
    return fits ? pop_quick(list_of(size)) : Block{};
  }
  for (std::size_t slot = 0; slot < parking_slots; ++slot) {
    const SizedBlock& parked = lists.parked[slot];
    if (parked.size == size && parked.block && is_aligned(payload_of(parked.block), align)) {
      return pop_parked(slot);
    }
  }
  return {};
}

template <typename Visit>
void Deferred::for_each(std::uint64_t most, Visit&& visit) const {
  const DeferredHeader& lists = header();
  std::uint64_t seen = 0;
  const auto report = [&](Offset block, Word word) {
    if (++seen > most) BlockList::damaged(block, "a deferred block in one list only");
    visit(block, word);
  };
  for (const SizedBlock& parked : lists.parked) {
    if (parked.block) report(parked.block, verified(parked).word);
  }
  for (std::size_t list = 0; list < quick_lists; ++list) {
    for (Offset block = lists.heads[list]; block;
         block = memory_.load_offset(next_link_of(block))) {
      report(block, member(block, list));
    }
  }
}

}  // namespace rheap
