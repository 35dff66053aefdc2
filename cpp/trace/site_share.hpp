#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "trace/trace.hpp"

namespace rheap::trace {

/// What the blocks take together that one site asked for.
struct SiteShare {
  std::uint32_t site = 0;  ///< a place in the trace's `sites()`
  std::uint64_t bytes = 0;
  std::uint64_t blocks = 0;
};

/// Who has the blocks that are live after the first `operations` operations, most bytes first. A
/// block is that of the site which asked for its present size: by a resize, or its allocation.
std::vector<SiteShare> shares_after(const Trace& trace, std::size_t operations);

}  // namespace rheap::trace
