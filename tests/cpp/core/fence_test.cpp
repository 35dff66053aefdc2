#include "core/region/fence.hpp"

#include <algorithm>
#include <array>

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

constexpr std::uint64_t longest_fence = 31;

template <typename Visit>
void for_each_fence(Visit&& visit) {
  std::array<std::byte, 128> payload{};
  for (std::uint64_t payload_bytes = 16; payload_bytes <= payload.size(); payload_bytes += 8) {
    const std::uint64_t least = payload_bytes > longest_fence ? payload_bytes - longest_fence : 0;
    for (std::uint64_t bytes = least; bytes <= payload_bytes - fence::fence_bytes; ++bytes) {
      payload.fill(std::byte{0x11});
      fence::raise(payload.data(), payload_bytes, bytes);
      visit(payload.data(), payload_bytes, bytes);
    }
  }
}

}  // namespace

TEST("a fence tells how much of the payload is visible, and is written nowhere else") {
  for_each_fence([](std::byte* payload, std::uint64_t payload_bytes, std::uint64_t bytes) {
    CHECK(fence::visible_bytes(payload, payload_bytes) == bytes);
    CHECK(std::all_of(payload, payload + bytes, [](std::byte b) { return b == std::byte{0x11}; }));
  });
}

TEST("an overrun by one byte or more breaks the fence") {
  for_each_fence([](std::byte* payload, std::uint64_t payload_bytes, std::uint64_t bytes) {
    for (std::uint64_t over = 1; over <= payload_bytes - bytes; ++over) {
      fence::raise(payload, payload_bytes, bytes);
      std::fill_n(payload + bytes, over, std::byte{0x22});
      CHECK(fence::visible_bytes(payload, payload_bytes) == payload_bytes);
    }
  });
}

TEST("a bit flipped in a fence never goes unseen") {
  for_each_fence([](std::byte* payload, std::uint64_t payload_bytes, std::uint64_t bytes) {
    for (std::uint64_t bit = bytes * 8; bit < payload_bytes * 8; ++bit) {
      payload[bit / 8] ^= std::byte{1} << bit % 8;
      CHECK(fence::visible_bytes(payload, payload_bytes) != bytes);
      payload[bit / 8] ^= std::byte{1} << bit % 8;
    }
  });
}
