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
  for (std::uint64_t room = 16; room <= payload.size(); room += 8) {
    const std::uint64_t least = room > longest_fence ? room - longest_fence : 0;
    for (std::uint64_t bytes = least; bytes <= room - fence::fence_bytes; ++bytes) {
      payload.fill(std::byte{0x11});
      fence::raise(payload.data(), room, bytes);
      visit(payload.data(), room, bytes);
    }
  }
}

}  // namespace

TEST("a fence tells how much of the payload is visible, and is written nowhere else") {
  for_each_fence([](std::byte* payload, std::uint64_t room, std::uint64_t bytes) {
    CHECK(fence::visible_bytes(payload, room) == bytes);
    CHECK(std::all_of(payload, payload + bytes, [](std::byte b) { return b == std::byte{0x11}; }));
  });
}

TEST("an overrun by one byte or more breaks the fence") {
  for_each_fence([](std::byte* payload, std::uint64_t room, std::uint64_t bytes) {
    for (std::uint64_t over = 1; over <= room - bytes; ++over) {
      fence::raise(payload, room, bytes);
      std::fill_n(payload + bytes, over, std::byte{0x22});
      CHECK(fence::visible_bytes(payload, room) == room);
    }
  });
}

TEST("a bit flipped in a fence never goes unseen") {
  for_each_fence([](std::byte* payload, std::uint64_t room, std::uint64_t bytes) {
    for (std::uint64_t bit = bytes * 8; bit < room * 8; ++bit) {
      payload[bit / 8] ^= std::byte{1} << bit % 8;
      CHECK(fence::visible_bytes(payload, room) != bytes);
      payload[bit / 8] ^= std::byte{1} << bit % 8;
    }
  });
}
