#include "core/free_space/free_list.hpp"

namespace rheap {

Word FreeList::member(Offset block) const {
  const Word word = blocks_.follow(block);
  if (word.state() != State::free) BlockList::damaged(block, "a free list of free blocks");
  return word;
}

Offset FreeList::first() const {
  const Offset first = header().head;
  if (first) {
    static_cast<void>(member(first));
    if (previous_link(first)) BlockList::damaged(first, "a list's back link");
  }
  return first;
}

Offset FreeList::next(Offset block) const {
  const Offset next = next_link(block);
  if (next) {
    static_cast<void>(member(next));
    if (next <= block) BlockList::damaged(next, "free blocks in address order");
    if (previous_link(next) != block) BlockList::damaged(next, "a list's back link");
  }
  return next;
}

Offset FreeList::previous(Offset block) const {
  const Offset previous = previous_link(block);
  if (previous) {
    static_cast<void>(member(previous));
    if (previous >= block) BlockList::damaged(block, "free blocks in address order");
  }
  if ((previous ? next_link(previous) : header().head) != block) {
    BlockList::damaged(block, "a list's forward link");
  }
  return previous;
}

void FreeList::link(Offset block, Offset next) {
  FreeListHeader& list = header();
  if (block) {
    memory_.store(next_link_of(block), next.value);
  } else {
    Memory::store(list.head.value, next.value);
  }
  if (next) memory_.store(previous_link_of(next), block.value | 1);
}

/// The last block in the list that ends before a place, or none.
Offset FreeList::last_before(Offset place) const {
  Offset block = header().hint;
  while (block && block + member(block).size() > place) {
    block = previous(block);
  }
  for (;;) {
    const Offset behind = block ? next(block) : first();
    if (!behind) return block;
    const Word word = member(behind);
    if (behind + word.size() > place) return block;
    block = behind;
  }
}

void FreeList::verify_insert(Offset block) const { static_cast<void>(last_before(block)); }

void FreeList::insert(Offset block, std::uint64_t size) {
  const Offset before = last_before(block);
  const Offset behind = before ? next(before) : first();
  if (behind && behind < block + size) BlockList::damaged(behind, "a block in the list once");
  link(block, behind);
  link(before, block);
  FreeListHeader& list = header();
  const bool beyond = block + size > list.rover;
  if (beyond && (!list.at_rover || block < list.at_rover)) {
    Memory::store(list.at_rover.value, block.value);
  }
}

void FreeList::verify_remove(Offset block) const {
  static_cast<void>(next(block));
  static_cast<void>(previous(block));
}

void FreeList::remove(Offset block) {
  FreeListHeader& list = header();
  const Offset behind = next(block);
  const Offset before = previous(block);
  link(before, behind);
  Memory::store(list.hint.value, before.value);
  if (list.at_rover == block) Memory::store(list.at_rover.value, behind.value);
}

void FreeList::move_rover(Offset place) {
  FreeListHeader& list = header();
  // The place is the end of a block that was made where a hole was taken out.
  const Offset before = last_before(place);
  Memory::store(list.rover.value, place.value);
  Memory::store(list.at_rover.value, (before ? next(before) : first()).value);
}

}  // namespace rheap
