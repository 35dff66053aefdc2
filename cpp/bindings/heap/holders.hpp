#pragma once

#include <pybind11/pybind11.h>

#include "bindings/interpreter/errors.hpp"
#include "core/heap/heap.hpp"
#include "core/region/errors.hpp"

/// Who holds the memory of a heap, by the line that allocated it.
namespace rheap::bindings {

/// (site or None, bytes, blocks, how many of them linger, how many of those no view sees) for each
/// site, most bytes first.
pybind11::list list_holders(Heap& heap);

/// Inside a catch block: sets HeapExhausted with the three sites that hold most, and the blocks
/// that could not be moved.
void set_exhausted_with_holders(Heap& heap, const Exhausted& exhausted);

/// As `translated`, for work that asks `heap` for memory.
template <typename Work>
bool translated_request(Heap& heap, const char* verb, Work&& work) {
  try {
    work();
    return true;
  } catch (const Exhausted& exhausted) {
    set_exhausted_with_holders(heap, exhausted);
  } catch (...) {
    set_python_error(verb);
  }
  return false;
}

}  // namespace rheap::bindings
