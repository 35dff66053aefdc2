#include "core/free_space/deferred.hpp"

#include <algorithm>

namespace rheap {

Block Deferred::pop_parked(std::size_t slot) {
  SizedBlock& parked = header().parked[slot];
  const Block block = verified(parked);
  Memory::store(parked.block.value, std::uint64_t{0});
  return block;
}

bool Deferred::empty() const {
  const DeferredHeader& lists = header();
  return std::ranges::none_of(
             lists.parked,
             [](const SizedBlock& parked) -> bool { return static_cast<bool>(parked.block); }) &&
         std::ranges::none_of(lists.heads, &Offset::operator bool);
}

Block Deferred::pop_any() {
  DeferredHeader& lists = header();
  for (std::size_t slot = 0; slot < parking_slots; ++slot) {
    if (lists.parked[slot].block) return pop_parked(slot);
  }
  // From the cursor's list down to the smallest, then round once more from the top.
  std::size_t list = lists.cursor % quick_lists;
  for (std::size_t step = 0; step < quick_lists; ++step) {
    if (lists.heads[list]) {
      Memory::store(lists.cursor, std::uint64_t{list});
      return pop_quick(list);
    }
    list = list > 0 ? list - 1 : quick_lists - 1;
  }
  return {};
}

}  // namespace rheap
