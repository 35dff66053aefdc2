#pragma once

#include "core/heap/heap.hpp"

namespace rheap::testing {

/// Lets go of its heap at the end, as a Python object would.
class Owned {
 public:
  explicit Owned(const Heap::Options& options) : heap_(Heap::open(options)) {}
  ~Owned() { heap_->disown(); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Heap* operator->() const { return heap_; }
  Heap& operator*() const { return *heap_; }

 private:
  Heap* heap_;
};

}  // namespace rheap::testing
