#pragma once

#include <cstdint>

/// A number in memory that several processes share, on which some sleep until another changes it.
namespace rheap::system {

/// Sleeps while the number is this one, at most so long. May wake for no reason.
void sleep_while(std::uint32_t& number, std::uint32_t value, std::uint64_t microseconds) noexcept;
/// Wakes all who sleep on it.
void wake_all(std::uint32_t& number) noexcept;

}  // namespace rheap::system
