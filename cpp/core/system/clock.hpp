#pragma once

#include <cstdint>

namespace rheap::system {

/// Microseconds of a clock that only runs forward: nobody can set it.
std::uint64_t microseconds() noexcept;
/// Nanoseconds since 1970, as far as the machine knows.
std::uint64_t real_nanoseconds() noexcept;

}  // namespace rheap::system
