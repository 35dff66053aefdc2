#pragma once

#include <pybind11/pybind11.h>

#include "core/heap/heap.hpp"

/// What the walker sees, with what only the handles know: who holds a block.
namespace rheap::bindings {

/// The figures of `HeapStats` by name.
pybind11::dict take_census(Heap& heap);
/// (offset, size, capacity, state, holders, site) of each block in address order; the state by its
/// name, the site where it is known.
pybind11::list list_blocks(Heap& heap);

/// Bytes of the region from one place to before another, and how many blocks may lie in it at most
/// if their bytes are to be read.
struct Part {
  Offset first;
  Offset end;
  std::size_t most;
};
/// Of one moment: the rows of the blocks that reach into the part; the figures of the heap; the
/// bytes at the ends of those blocks (of small ones, and of a part of up to 512 bytes, all), 8 at
/// a time by their place, empty if there are too many; the payloads of those that are in no list of
/// free blocks; how many bytes of a fence each live block has behind it.
pybind11::tuple take_snapshot(Heap& heap, const Part& part);

}  // namespace rheap::bindings
