#pragma once

#include <cstddef>
#include <span>

#include "core/system/memory.hpp"

namespace rheap::system {

/// An array of zeros whose address space is reserved at once, and whose memory comes with the first
/// use of each page: what uses it later can be refused nothing. Throws SystemRefused when it is
/// made.
template <typename T>
class SparseArray {
 public:
  explicit SparseArray(std::size_t size)
      : items_(reinterpret_cast<T*>(sparse(size * sizeof(T))), size) {}
  ~SparseArray() { release(bytes(), items_.size_bytes()); }
  SparseArray(const SparseArray&) = delete;
  SparseArray& operator=(const SparseArray&) = delete;

  [[nodiscard]] T& operator[](std::size_t index) const { return items_[index]; }
  [[nodiscard]] std::span<T> items() const { return items_; }
  /// Gives the memory back, as far as the system takes it. The contents are then undefined.
  void forget() noexcept {
    static_cast<void>(discard(bytes(), items_.size_bytes(), Sharing::alone));
  }

 private:
  [[nodiscard]] std::byte* bytes() const { return reinterpret_cast<std::byte*>(items_.data()); }

  std::span<T> items_;
};

}  // namespace rheap::system
