#include "core/system/threads.hpp"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace rheap::system {

bool fence_all_threads() noexcept {
#ifdef __linux__
  // A forked child may have to register once more.
  const auto call = [](int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; };
  if (call(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return true;
  return call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && call(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
#else
  return false;
#endif
}

void wait_a_little(unsigned round) noexcept {
  if (round < 64) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
    return;
  }
  if (round < 128) {
    sched_yield();
    return;
  }
  const timespec nap{0, static_cast<long>(std::min(round - 127U, 100U)) * 10'000};
  nanosleep(&nap, nullptr);
}

}  // namespace rheap::system
