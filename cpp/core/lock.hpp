#pragma once

#include <atomic>

#include "system.hpp"

namespace rheap {

/// One test-and-set word. A critical section is some ten nanoseconds, so the price of taking and
/// giving the lock is most of what a lock costs here: one atomic operation a pair, where a mutex
/// pays two and two calls. Who has to wait longer (somebody walks the whole heap) yields, then
/// sleeps in growing steps: nobody needs to be woken, so giving the lock is a plain store.
class Lock {
 public:
  Lock() = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void lock() noexcept {
    if (held_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      wait();
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  [[gnu::noinline]] void wait() noexcept {
    unsigned round = 0;
    do {
      system::wait_a_little(round++);
    } while (held_.exchange(true, std::memory_order_acquire));
  }

  std::atomic<bool> held_{false};
};

}  // namespace rheap
