#pragma once

#include <unistd.h>

#include <cstdint>
#include <thread>

#include "core/heap/heap.hpp"
#include "core/shared/segment.hpp"

namespace rheap::testing {

/// A process's part in a shared heap, as a Python object would own it. A second one in the same
/// process has a mapping, a slot and handles of its own, as another process would.
class SharedHeap {
 public:
  explicit SharedHeap(std::uint64_t capacity, std::uint64_t blocks = 4096)
      : heap_(Heap::open_shared({.capacity = capacity}, blocks)) {}
  explicit SharedHeap(const SharedHeap& other) : heap_(attach(dup(other.heap_->descriptor()))) {}
  ~SharedHeap() { heap_->disown(); }
  SharedHeap& operator=(const SharedHeap&) = delete;
  Heap* operator->() const { return heap_; }
  Heap& operator*() const { return *heap_; }
  [[nodiscard]] std::byte* base() const { return heap_->address(Handle{}); }

 private:
  static Heap* attach(int descriptor) {
    for (;;) {
      try {
        return Heap::attach(descriptor, false);
      } catch (const Contended&) {
        std::this_thread::yield();
      }
    }
  }

  Heap* heap_;
};

inline std::uint64_t live_blocks(Heap& heap) {
  return heap.measure([](Handle&) {}).counters.live.blocks;
}

/// Memory that is wanted at once in large amounts is provided outside of the locks.
inline void alloc_large(Heap& heap, Handle& handle, std::uint64_t bytes) {
  for (;;) {
    try {
      heap.alloc(handle, bytes, 8);
      return;
    } catch (const Unprovided& range) {
      heap.provide(range);
    }
  }
}

}  // namespace rheap::testing
