#pragma once

#include <pybind11/pybind11.h>

#include "bindings/heap/block.hpp"
#include "core/compaction/compaction.hpp"

/// Blocks that move: which may, and what Python is told of it.
namespace rheap::bindings {

/// The Block objects, which own the handles of every heap. The GIL is held while it is asked.
class BlockOwners : public Owners {
 public:
  /// Nobody can know the address of a block that is neither pinned nor exposed.
  bool may_move(const Handle& handle) noexcept override;
  void moved(Handle& handle, Offset from) noexcept override;

  Tally pinned{};  ///< those that stayed, with their words
  Tally exposed{};
};

/// Those of every heap.
Owners& block_owners();

/// Moves blocks within these bounds (None for none); returns the fields of a CompactReport.
pybind11::dict compact(Heap& heap, const pybind11::object& bytes, const pybind11::object& seconds);

/// From here on moves a little with each operation; no longer when `above` is None.
void compact_when(Heap& heap, const pybind11::object& above, double until, double share);

/// (above, until, share) of the last `compact_when`, or None.
pybind11::object compaction_terms(Heap& heap);

/// (how many, their bytes, (offset, bytes, views) of the three largest) of the blocks that may not
/// move.
pybind11::tuple list_walls(Heap& heap);

}  // namespace rheap::bindings
