#include "core/heap/handles.hpp"

#include "core/system/memory.hpp"

namespace rheap {

HandleTable::HandleTable(Offset region_end)
    : mapped_((window_of(region_end) + 1) * sizeof(Handle*)) {
  windows_ = reinterpret_cast<Handle**>(system::sparse(mapped_));
}

HandleTable::~HandleTable() { system::release(reinterpret_cast<std::byte*>(windows_), mapped_); }

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
