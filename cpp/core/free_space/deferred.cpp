#include "core/free_space/deferred.hpp"

namespace rheap {

Block Deferred::pop_largest() {
  DeferredHeader& lists = header();
  for (std::size_t part = lists.lists.size(); part-- > 0;) {
    std::uint64_t& bits = lists.lists[part];
    while (bits != 0) {
      const std::uint64_t list = part * 64 + static_cast<unsigned>(std::bit_width(bits)) - 1;
      if (lists.heads[list]) return pop_from(list);
      Memory::store(bits, bits & ~bit_of(list));  // it may have been emptied
    }
  }
  return {};
}

}  // namespace rheap
