#include "core/free_space/deferred.hpp"

namespace rheap {

Block Deferred::pop_largest() {
  DeferredHeader& lists = header();
  while (lists.lists != 0) {
    const auto list = static_cast<unsigned>(std::bit_width(lists.lists)) - 1;
    if (lists.heads[list]) return pop_from(list);
    Memory::store(lists.lists, lists.lists & ~bit_of(list));  // it may have been emptied
  }
  return {};
}

}  // namespace rheap
