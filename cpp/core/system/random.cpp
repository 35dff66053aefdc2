#include "core/system/random.hpp"

#include <sys/random.h>
#include <time.h>

namespace rheap::system {

std::uint64_t random_bits() noexcept {
  std::uint64_t bits = 0;
  if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != sizeof bits) {
    // Early in boot. The secret guards against accidents, not attackers, so the clock will do.
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    bits = static_cast<std::uint64_t>(now.tv_nsec) * 0x9E3779B97F4A7C15U ^
           static_cast<std::uint64_t>(now.tv_sec);
  }
  return bits;
}

}  // namespace rheap::system
