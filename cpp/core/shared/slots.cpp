#include "core/shared/slots.hpp"

#include <algorithm>
#include <cerrno>

#include "core/region/errors.hpp"
#include "core/system/refused.hpp"

namespace rheap::shared {

unsigned Slots::made() const {
  const std::uint64_t made = reinterpret_cast<HeapHeader*>(segment_.base())->shared.slots_made;
  if (made > SegmentShape::slots) {
    throw Damage({offsetof(HeapHeader, shared) + offsetof(SharedHeader, slots_made)},
                 "a number of slots that there are");
  }
  return static_cast<unsigned>(made);
}

std::optional<unsigned> Slots::take(system::LifeMark& mark) {
  for (unsigned slot = 0; slot < SegmentShape::slots; ++slot) {
    if (slot < made() && (*this)[slot].serial != 0) continue;
    const int refused = mark.take(segment_.file(), slot);
    if (refused == EAGAIN) continue;  // somebody died who was about to take it, or was forked
    if (refused != 0)
      throw SystemRefused(
          refused, "the system refused to mark a process as alive, which it does through /proc");
    std::uint64_t& slots_made = reinterpret_cast<HeapHeader*>(segment_.base())->shared.slots_made;
    if (slot >= slots_made) Memory::store(slots_made, std::uint64_t{slot} + 1);
    empty(slot, [](std::uint32_t) {});
    return slot;
  }
  return std::nullopt;
}

std::uint64_t Slots::row_ready(unsigned slot) const {
  return std::min((*this)[slot].row_ready, segment_.shape().row_bytes());
}

void Slots::provide_row(unsigned slot, std::uint64_t bytes) {
  const std::uint64_t ready = align_up(bytes, SegmentShape::page);
  const std::uint64_t begin = segment_.shape().rows_at() + slot * segment_.shape().row_bytes();
  segment_.provide_table(begin + row_ready(slot), begin + ready);
  Memory::store((*this)[slot].row_ready, ready);
}

}  // namespace rheap::shared
