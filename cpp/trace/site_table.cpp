#include "trace/site_table.hpp"

#include <bit>

#include "core/system/memory.hpp"

namespace rheap::trace {

namespace {

constexpr std::size_t first_slots = 1024;

}  // namespace

SiteTable::~SiteTable() {
  system::release(reinterpret_cast<std::byte*>(entries_), slots_ * sizeof(Numbered));
}

void SiteTable::put(const Key& key, std::uint32_t number) {
  if (count_ * 2 >= slots_) grow();
  entries_[slot_of(key)] = {key, number};
  ++count_;
}

void SiteTable::grow() {
  const std::size_t slots = slots_ == 0 ? first_slots : 2 * slots_;
  auto* const entries = reinterpret_cast<Numbered*>(system::sparse(slots * sizeof(Numbered)));
  Numbered* const old = entries_;
  const std::size_t old_slots = slots_;
  entries_ = entries;
  slots_ = slots;
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(slots));
  for (std::size_t slot = 0; slot < old_slots; ++slot) {
    if (old[slot].number != 0) entries_[slot_of(old[slot].key)] = old[slot];
  }
  system::release(reinterpret_cast<std::byte*>(old), old_slots * sizeof(Numbered));
}

}  // namespace rheap::trace
