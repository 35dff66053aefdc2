#pragma once

#include <pybind11/pybind11.h>

#include "../core/heap.hpp"

/// What the walker sees, with what only the handles know: who holds a block.
namespace rheap::bindings {

/// The figures of `HeapStats` by name.
pybind11::dict take_census(Heap& heap);
/// (offset, size, capacity, state, holders, site) of each block in address order; the state by its
/// name, the site where it is known.
pybind11::list list_blocks(Heap& heap);
/// Both, of one moment.
pybind11::tuple take_snapshot(Heap& heap);

}  // namespace rheap::bindings
