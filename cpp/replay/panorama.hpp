#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "../core/allocator.hpp"
#include "trace.hpp"

namespace rheap::replay {

/// A whole run at a glance: addresses by operations, summed up in a grid. Nothing is left out: a
/// block that lived for one operation adds its bytes to the cell where it did.
struct Panorama {
  /// A block from its birth to its death.
  struct Band {
    std::uint64_t born;  ///< the number of the operation
    std::uint64_t died;  ///< before this one
    std::uint64_t offset;
    std::uint64_t size;  ///< bytes, the word included
  };
  /// At the end of a column, in bytes.
  struct Moment {
    std::uint64_t live = 0;    ///< of blocks, words included
    std::uint64_t free = 0;    ///< below the wilderness
    std::uint64_t hole = 0;    ///< the largest, neighbours joined
    std::uint64_t extent = 0;  ///< from the first block to the wilderness
  };

  std::vector<float> cells;  ///< row by row from the lowest address: which part was live, 0 to 1
  std::vector<Moment> moments;
  std::vector<Band> bands;  ///< of runs with few operations, else empty
  std::uint64_t failed = 0;
};

/// How the grid lies over the run.
struct Grid {
  std::size_t columns;   ///< at most one for each operation
  std::size_t rows;      ///< at least 1
  std::uint64_t extent;  ///< bytes from the first block that the rows share, at least 1
  bool with_bands;
};

/// Plays the trace. `pulse` is called now and then with the number of operations done.
Panorama survey(const Trace& trace, const Allocator::Options& options, const Grid& grid,
                const std::function<void(std::size_t)>& pulse);

/// The bytes from the first block to where the wilderness began at its highest.
std::uint64_t highest_extent(const Trace& trace, const Allocator::Options& options,
                             const std::function<void(std::size_t)>& pulse);

}  // namespace rheap::replay
