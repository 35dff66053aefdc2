#pragma once

#include <pybind11/pybind11.h>

#include "core/heap/heap.hpp"

/// Records one heap's own operations.
namespace rheap::bindings {

void register_heap_recorder(pybind11::module_& module);

[[gnu::noinline]] void note_request_of_recorded(Heap* heap);

/// Comes right before a request: a recorder that wants sites notes this one. May run Python code.
inline void note_request(Heap* heap) {
  if (heap->observer() != nullptr) [[unlikely]]
    note_request_of_recorded(heap);
}

}  // namespace rheap::bindings
