#include "core/heap/handles.hpp"

#include <bit>

#include "core/system/memory.hpp"

namespace rheap {

HandleTable::HandleTable(Offset region_end)
    : mapped_((window_of(region_end) + 1 + places_in_window) * sizeof(Handle*)) {
  windows_ = reinterpret_cast<Handle**>(system::sparse(mapped_));
  sorting_ = windows_ + window_of(region_end) + 1;
}

HandleTable::~HandleTable() { system::release(reinterpret_cast<std::byte*>(windows_), mapped_); }

WindowOrder::WindowOrder(HandleTable& table, std::size_t window) : table_(table) {
  for (Handle* handle = std::exchange(table.windows_[window], nullptr); handle != nullptr;
       handle = handle->next) {
    const std::size_t place = handle->payload.value % HandleTable::window_bytes / 8;
    taken_[place / 64] |= std::uint64_t{1} << place % 64;
    table.sorting_[place] = handle;
  }
}

WindowOrder::~WindowOrder() {
  while (next() != nullptr) {
  }
}

Handle* WindowOrder::next() {
  put_last();
  while (part_ < taken_.size() && taken_[part_] == 0) ++part_;
  if (part_ == taken_.size()) return nullptr;
  const auto bit = static_cast<std::size_t>(std::countr_zero(taken_[part_]));
  taken_[part_] &= taken_[part_] - 1;
  last_ = table_.sorting_[part_ * 64 + bit];
  return last_;
}

void HandleCursor::load(std::size_t window) {
  window_ = window;
  at_ = 0;
  sorted_.clear();
  for (Handle* handle = table_.in_window(window); handle != nullptr; handle = handle->next) {
    sorted_.push_back({handle->payload, handle});
  }
  std::sort(sorted_.begin(), sorted_.end(),
            [](const Placed& a, const Placed& b) { return a.payload < b.payload; });
}

}  // namespace rheap
