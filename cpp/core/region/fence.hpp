#pragma once

#include <cstddef>
#include <cstdint>

#include "core/region/offset.hpp"

/// What a debug heap writes into payloads, after the example of the C run-time's debug heaps:
/// new memory and freed memory each have a pattern that is easy to spot, and behind each payload
/// stands a fence that an overrun breaks.
///
///   [word | payload: `bytes` | fence pattern up to the last word | last word: how long the fence
///   is]
namespace rheap::fence {

inline constexpr std::byte new_pattern{0xCD};
inline constexpr std::byte freed_pattern{0xDD};
inline constexpr std::byte fence_pattern{0xFD};
inline constexpr std::uint64_t fence_bytes = 8;  ///< the least a fence takes: its last word

/// `payload_bytes` is all of the payload, the fence included; `bytes` is what the user sees of it.
void raise(std::byte* payload, std::uint64_t payload_bytes, std::uint64_t bytes);
/// The visible bytes of a fenced payload, or `payload_bytes` (which no payload has) when the fence
/// broke.
std::uint64_t visible_bytes(const std::byte* payload, std::uint64_t payload_bytes);

}  // namespace rheap::fence
