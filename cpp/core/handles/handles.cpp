#include "core/handles/handles.hpp"

#include <bit>
#include <utility>

#include "core/system/memory.hpp"

namespace rheap {

HandleTable::HandleTable(Offset region_end)
    : mapped_((window_of(region_end) + 1 + places_in_window) * sizeof(Handle*)) {
  windows_ = reinterpret_cast<Handle**>(system::sparse(mapped_));
  sorting_ = windows_ + window_of(region_end) + 1;
}

HandleTable::~HandleTable() { system::release(reinterpret_cast<std::byte*>(windows_), mapped_); }

Handle* WindowPlaces::first_from(std::size_t place) const {
  if (place >= HandleTable::places_in_window) return nullptr;
  std::size_t part = place / 64;
  std::uint64_t bits = taken_[part] >> place % 64 << place % 64;
  while (bits == 0) {
    if (++part == taken_.size()) return nullptr;
    bits = taken_[part];
  }
  return at_[part * 64 + static_cast<std::size_t>(std::countr_zero(bits))];
}

WindowOrder::WindowOrder(HandleTable& table, std::size_t window) : table_(table), places_(table) {
  for (Handle* handle = std::exchange(table.windows_[window], nullptr); handle != nullptr;
       handle = handle->next) {
    places_.add(*handle);
  }
}

WindowOrder::~WindowOrder() {
  while (next() != nullptr) {
  }
}

Handle* WindowOrder::next() {
  if (last_ != nullptr) table_.put(*last_);
  last_ = places_.first_from(from_);
  if (last_ != nullptr) from_ = WindowPlaces::place_of(last_->payload) + 1;
  return last_;
}

void HandleCursor::load(std::size_t window) {
  if (window == window_) return;
  window_ = window;
  places_.clear();
  for (Handle* handle = table_.in_window(window); handle != nullptr; handle = handle->next) {
    places_.add(*handle);
  }
}

Handle* HandleCursor::first_from(Offset place, Offset end) {
  for (std::size_t window = HandleTable::window_of(place); window <= HandleTable::window_of(end);
       ++window) {
    if (table_.in_window(window) == nullptr) continue;
    load(window);
    const bool is_first = window == HandleTable::window_of(place);
    Handle* const found = places_.first_from(is_first ? WindowPlaces::place_of(place) : 0);
    if (found != nullptr) return found;
  }
  return nullptr;
}

}  // namespace rheap
