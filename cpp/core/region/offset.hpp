#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace rheap {

/// A place in the region: bytes from its base. Never an address, never a size: the same offset
/// means the same place in whichever process has the region mapped. `Offset{}` is no place at all
/// (the header lies there), and so ends every list.
struct Offset {
  std::uint64_t value = 0;

  constexpr explicit operator bool() const { return value != 0; }
  constexpr auto operator<=>(const Offset&) const = default;
};

constexpr Offset operator+(Offset place, std::uint64_t bytes) { return {place.value + bytes}; }
constexpr Offset operator-(Offset place, std::uint64_t bytes) { return {place.value - bytes}; }
constexpr std::uint64_t operator-(Offset end, Offset begin) { return end.value - begin.value; }

/// `align` is a power of two.
constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t align) {
  return (value + align - 1) & ~(align - 1);
}
constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t align) {
  return value & ~(align - 1);
}

constexpr bool is_aligned(Offset place, std::uint64_t align) {
  return (place.value & (align - 1)) == 0;
}

}  // namespace rheap
