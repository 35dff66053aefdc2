#pragma once

#include <pybind11/pybind11.h>

#include "bindings/reports/rows.hpp"
#include "core/heap/heap.hpp"

/// What the walker sees, with what only the handles know: who holds a block.
namespace rheap::bindings {

/// The figures of `HeapStats` by name.
pybind11::dict take_statistics(Heap& heap);
/// All blocks.
Rows list_blocks(Heap& heap);

/// Bytes of the region from one place to before another, and how many blocks may lie in it at most
/// if their bytes are to be read.
struct Part {
  Offset first;
  Offset end;
  std::size_t most;
};
/// What is to be shown of a heap, all of one moment.
struct Snapshot {
  Rows blocks;             ///< those that reach into the part
  pybind11::dict figures;  ///< of the whole heap, as `take_statistics` has them
  pybind11::dict words;    ///< 8 bytes by their place, see `take_snapshot`
  std::uint64_t fence;     ///< bytes of a fence behind each live block
};
/// `words` are those at the ends of the blocks (of small ones, and of a part of up to 512 bytes,
/// all); none if there are too many blocks.
Snapshot take_snapshot(Heap& heap, const Part& part);

}  // namespace rheap::bindings
