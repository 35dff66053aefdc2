#pragma once

#include "replay/varints.hpp"
#include "trace/trace.hpp"

namespace rheap::replay {

/// The operations of a trace, column by column.
struct TraceColumns {
  Varints kinds;   ///< of each operation: 0 allocates, 1 resizes, 2 releases, 3 compacts
  Varints blocks;  ///< of each resize and release: how many allocations ago the block was made
  Varints bytes;   ///< of each allocation and resize: what is asked for; of each compaction: one
                   ///< more than it may move at most, 0 when nothing bounds it
  // Of each operation, where the trace tells them:
  Varints times;    ///< microseconds, less those of the operation before
  Varints threads;  ///< its number
  Varints sites;    ///< a place in the trace's sites

  explicit TraceColumns(const trace::Trace& trace);
};

}  // namespace rheap::replay
