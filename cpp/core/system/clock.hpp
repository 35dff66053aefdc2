#pragma once

#include <cstdint>

namespace rheap::system {

/// Microseconds of a clock that only runs forward: nobody can set it.
std::uint64_t microseconds() noexcept;

}  // namespace rheap::system
