#include "trace/address_table.hpp"

#include <bit>

#include "core/system/memory.hpp"

namespace rheap::trace {

namespace {

constexpr std::size_t first_slots = 4096;

void release(AddressTable::Entry* entries, std::size_t slots) {
  system::release(reinterpret_cast<std::byte*>(entries), slots * sizeof(AddressTable::Entry));
}

}  // namespace

AddressTable::~AddressTable() { release(entries_, slots_); }

std::size_t AddressTable::find(std::uintptr_t address) const {
  std::size_t slot = home(address);
  while (entries_[slot].address != 0 && entries_[slot].address != address) slot = after(slot);
  return slot;
}

AddressTable::Entry AddressTable::put(const Entry& entry) {
  if (count_ * 3 >= slots_ * 2) grow();
  const std::size_t slot = find(entry.address);
  const Entry before = entries_[slot];
  entries_[slot] = entry;
  if (before.address == 0) ++count_;
  return before;
}

AddressTable::Entry AddressTable::remove(std::uintptr_t address) {
  if (count_ == 0) return {};
  const std::size_t slot = find(address);
  const Entry entry = entries_[slot];
  if (entry.address != 0) close_gap(slot);
  return entry;
}

/// Every entry must be reachable from its home without an empty slot on the way, so those behind
/// the gap move up where that is nearer to their homes.
void AddressTable::close_gap(std::size_t gap) {
  --count_;
  for (std::size_t slot = after(gap); entries_[slot].address != 0; slot = after(slot)) {
    const std::size_t from_home = (slot - home(entries_[slot].address)) & (slots_ - 1);
    const std::size_t from_gap = (slot - gap) & (slots_ - 1);
    if (from_home < from_gap) continue;
    entries_[gap] = entries_[slot];
    gap = slot;
  }
  entries_[gap] = {};
}

void AddressTable::grow() {
  const std::size_t slots = slots_ == 0 ? first_slots : 2 * slots_;
  auto* const entries = reinterpret_cast<Entry*>(system::sparse(slots * sizeof(Entry)));
  Entry* const old = entries_;
  const std::size_t old_slots = slots_;
  entries_ = entries;
  slots_ = slots;
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(slots));
  for (std::size_t slot = 0; slot < old_slots; ++slot) {
    if (old[slot].address != 0) entries_[find(old[slot].address)] = old[slot];
  }
  release(old, old_slots);
}

}  // namespace rheap::trace
