#pragma once

#include <cstdint>

namespace rheap::system {

/// 64 random bits. They guard against accidents, not against attackers: early in the boot of a
/// machine they come from the clock.
std::uint64_t random_bits() noexcept;

}  // namespace rheap::system
