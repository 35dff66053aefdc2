#pragma once

#include <atomic>

#include "core/system/threads.hpp"

namespace rheap {

/// The lock of a heap. A critical section is some ten nanoseconds, so what it costs to take and to
/// give the lock counts most. There are two ways in:
///
/// `lock`, for any thread at any time: one atomic exchange. A thread that waits longer (another
/// walks the whole heap) yields, then sleeps in growing steps. Nobody needs to be woken, so to give
/// the lock back is a plain store.
///
/// `lock_in_turn`, for callers that run one at a time anyway (under an interpreter's lock): a store
/// and a load. The processor must not reorder the two. An atomic exchange would pay for that in
/// every call; here `lock` pays instead, by a memory barrier on every processor when it is called
/// (as in Dice, Huang, Yang: "Asymmetric Dekker synchronization", 2001). Where the system has no
/// such barrier, or the callers do not take turns, it is the same as `lock`.
class Lock {
 public:
  Lock() = default;
  explicit Lock(bool callers_take_turns)
      : in_turn_(callers_take_turns && system::fence_all_threads()) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void lock() noexcept {
    if (held_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      wait();
    if (in_turn_) {
      // From here on each caller whose turn it is sees `held_`, or was seen.
      system::fence_all_threads();
      wait_until_free(taken_in_turn_);
    }
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

  // Inlined, and what is rare is not: the callers are as short as the critical sections.
  [[gnu::always_inline]] void lock_in_turn() noexcept {
    if (!in_turn_) [[unlikely]]
      return lock_out_of_turn();
    if (!take_in_turn()) [[unlikely]]
      wait_in_turn();
  }
  /// Does not wait. Returns whether the lock is taken.
  [[nodiscard, gnu::always_inline]] bool try_lock_in_turn() noexcept {
    if (!in_turn_) [[unlikely]]
      return !held_.exchange(true, std::memory_order_acquire);
    if (take_in_turn()) [[likely]]
      return true;
    taken_in_turn_.store(false, std::memory_order_release);
    return false;
  }
  [[gnu::always_inline]] void unlock_in_turn() noexcept {
    if (!in_turn_) [[unlikely]]
      return unlock();
    taken_in_turn_.store(false, std::memory_order_release);
  }

 private:
  [[nodiscard, gnu::always_inline]] bool take_in_turn() noexcept {
    taken_in_turn_.store(true, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return !held_.load(std::memory_order_acquire);
  }
  [[gnu::noinline]] void wait_in_turn() noexcept {
    do {
      taken_in_turn_.store(false, std::memory_order_release);
      wait_until_free(held_);
    } while (!take_in_turn());
  }
  [[gnu::noinline]] void lock_out_of_turn() noexcept { lock(); }
  [[gnu::noinline]] void wait() noexcept {
    do {
      wait_until_free(held_);
    } while (held_.exchange(true, std::memory_order_acquire));
  }
  static void wait_until_free(const std::atomic<bool>& flag) noexcept {
    for (unsigned round = 0; flag.load(std::memory_order_acquire); ++round) {
      system::wait_a_little(round);
    }
  }

  const bool in_turn_ = false;
  std::atomic<bool> held_{false};
  std::atomic<bool> taken_in_turn_{false};
};

/// Holds the lock as long as it lives.
class Guard {
 public:
  explicit Guard(Lock& lock) noexcept : lock_(lock) { lock_.lock(); }
  ~Guard() { lock_.unlock(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  Lock& lock_;
};
class GuardInTurn {
 public:
  [[gnu::always_inline]] explicit GuardInTurn(Lock& lock) noexcept : lock_(lock) {
    lock_.lock_in_turn();
  }
  [[gnu::always_inline]] ~GuardInTurn() { lock_.unlock_in_turn(); }
  GuardInTurn(const GuardInTurn&) = delete;
  GuardInTurn& operator=(const GuardInTurn&) = delete;

 private:
  Lock& lock_;
};
/// Holds the lock as long as it lives, if it was free. The callers have no call to wait in, so they
/// need no frame.
class TryGuardInTurn {
 public:
  [[gnu::always_inline]] explicit TryGuardInTurn(Lock& lock) noexcept
      : lock_(lock), taken_(lock.try_lock_in_turn()) {}
  [[gnu::always_inline]] ~TryGuardInTurn() {
    if (taken_) [[likely]]
      lock_.unlock_in_turn();
  }
  TryGuardInTurn(const TryGuardInTurn&) = delete;
  TryGuardInTurn& operator=(const TryGuardInTurn&) = delete;

  [[nodiscard]] bool taken() const { return taken_; }

 private:
  Lock& lock_;
  const bool taken_;
};

}  // namespace rheap
