#include "core/system/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <limits>

namespace rheap::system {

void sleep_while(std::uint32_t& number, std::uint32_t value, std::uint64_t microseconds) noexcept {
  const timespec most{static_cast<time_t>(microseconds / 1'000'000),
                      static_cast<long>(microseconds % 1'000'000) * 1000};
  syscall(SYS_futex, &number, FUTEX_WAIT, value, &most, nullptr, 0);
}

void wake_all(std::uint32_t& number) noexcept {
  syscall(SYS_futex, &number, FUTEX_WAKE, std::numeric_limits<int>::max(), nullptr, nullptr, 0);
}

}  // namespace rheap::system
