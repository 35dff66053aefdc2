#pragma once

#include <cstdint>

#include "core/region/block_list.hpp"
#include "core/region/region.hpp"

namespace rheap {

/// The free blocks in address order, in one doubly linked list: what the policies of the textbooks
/// search. To find its place in the list, a block starts where the last one was taken out.
class FreeList {
 public:
  FreeList(Memory region, BlockList& blocks) : memory_(region), blocks_(blocks) {}

  void insert(Offset block, std::uint64_t size);
  void remove(Offset block);
  /// Throw Damage unless everything is whole that `insert` or `remove` will rely on.
  void verify_insert(Offset block) const;
  void verify_remove(Offset block) const;

  /// The lowest free block, or none. Throws Damage unless it is one and no other comes before it.
  [[nodiscard]] Offset first() const;
  /// The next free block, or none. Throws Damage unless it is one, lies behind this one and names
  /// it as its previous.
  [[nodiscard]] Offset next(Offset block) const;
  /// The word of a block that the list names. Throws Damage unless it is free.
  [[nodiscard]] Word member(Offset block) const;

  /// The first block that ends beyond the rover, or none.
  [[nodiscard]] Offset at_rover() const { return header().at_rover; }
  /// The next search starts here.
  void move_rover(Offset place);

  void clear() { header() = FreeListHeader{}; }
  /// Invariant 5: calls `visit(block)` for each block. Throws Damage where a link is wrong.
  template <typename Visit>
  void verify(Visit&& visit) const;

 private:
  [[nodiscard]] FreeListHeader& header() const { return memory_.header().list; }
  /// As `next`, for the one before it.
  [[nodiscard]] Offset previous(Offset block) const;
  [[nodiscard]] Offset next_link(Offset block) const {
    return memory_.load_offset(next_link_of(block));
  }
  [[nodiscard]] Offset previous_link(Offset block) const {
    return {memory_.load(previous_link_of(block)) & ~std::uint64_t{1}};
  }
  void link(Offset block, Offset next);
  [[nodiscard]] Offset last_before(Offset place) const;

  Memory memory_;
  BlockList& blocks_;
};

template <typename Visit>
void FreeList::verify(Visit&& visit) const {
  Offset at_rover{};
  bool saw_hint = !header().hint;
  for (Offset block = first(); block; block = next(block)) {
    const Word word = member(block);
    if (!at_rover && block + word.size() > header().rover) at_rover = block;
    saw_hint = saw_hint || block == header().hint;
    visit(block);
  }
  if (!saw_hint || at_rover != header().at_rover) {
    BlockList::damaged({}, "a list whose places are blocks of it");
  }
}

}  // namespace rheap
