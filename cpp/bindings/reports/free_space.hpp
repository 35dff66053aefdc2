#pragma once

#include <pybind11/pybind11.h>

#include "core/heap/heap.hpp"

namespace rheap::bindings {

/// Puts the figures of a region's free space among others, by the names that all reports use.
/// `overhead`: the bytes that a block takes besides its payload.
inline void tell_space(pybind11::dict& figures, const FreeSpaces& space, std::uint64_t overhead) {
  figures["largest_now"] = space.now().largest_request(overhead);
  figures["largest_merged"] = space.merged().largest_request(overhead);
  figures["fragmentation"] = space.now().fragmentation();
  figures["fragmentation_merged"] = space.merged().fragmentation();
}

}  // namespace rheap::bindings
