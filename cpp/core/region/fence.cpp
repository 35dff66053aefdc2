#include "core/region/fence.hpp"

#include <algorithm>
#include <cstring>

namespace rheap::fence {

namespace {

/// The length in the low 16 bits, signed by the upper 48: a changed bit does not go unseen.
constexpr std::uint64_t last_word(std::uint64_t length) {
  return ((length + 1) * 0xFDFD'FDFD'FDFD'FDFDU & ~std::uint64_t{0xFFFF}) | length;
}

}  // namespace

void raise(std::byte* payload, std::uint64_t payload_bytes, std::uint64_t bytes) {
  const std::uint64_t length = payload_bytes - bytes;
  const std::uint64_t last = last_word(length);
  std::memset(payload + bytes, std::to_integer<int>(fence_pattern), length - fence_bytes);
  std::memcpy(payload + payload_bytes - fence_bytes, &last, sizeof last);
}

std::uint64_t visible_bytes(const std::byte* payload, std::uint64_t payload_bytes) {
  std::uint64_t last = 0;
  std::memcpy(&last, payload + payload_bytes - fence_bytes, sizeof last);
  const std::uint64_t length = last & 0xFFFF;
  if (last != last_word(length) || length < fence_bytes || length > payload_bytes)
    return payload_bytes;
  const std::byte* begin = payload + payload_bytes - length;
  const std::byte* end = payload + payload_bytes - fence_bytes;
  const bool whole = std::all_of(begin, end, [](std::byte b) { return b == fence_pattern; });
  return whole ? payload_bytes - length : payload_bytes;
}

}  // namespace rheap::fence
