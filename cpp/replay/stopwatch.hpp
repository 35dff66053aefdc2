#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "replay/targets.hpp"
#include "trace/trace.hpp"

namespace rheap::replay {

using trace::Kind;
using trace::Operation;
using trace::Trace;

/// Called now and then, outside the clock, with the number of operations done; may throw.
using Pulse = std::function<void(std::size_t)>;

/// Times a trace on a target, again and again. The target lives as long as this: all runs but the
/// first find it warm. What a run leaves live is released behind it, outside the clock. Compactions
/// are left out: what is timed is what every allocator can do.
template <typename Target>
class Stopwatch {
 public:
  template <typename... Arguments>
  explicit Stopwatch(const Trace& trace, Arguments&&... arguments)
      : operations_(trace.operations()),
        target_(std::forward<Arguments>(arguments)...),
        slots_(trace.slots()) {}
  ~Stopwatch() { release_all(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  /// The nanoseconds of one replay. The clock is read around slices of it.
  std::uint64_t run(const Pulse& pulse);

  /// The least nanoseconds that each operation took in several replays, which leaves out the time
  /// of interrupts. Each includes one reading of the clock.
  std::vector<std::uint32_t> least(unsigned replays, const Pulse& pulse);

  [[nodiscard]] const Target& target() const { return target_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t slice = 4096;

  void play(std::span<const Operation> operations) {
    Slot* const slots = slots_.data();
    for (const Operation& operation : operations) {
      Slot& slot = slots[operation.slot()];
      switch (operation.kind()) {
        case Kind::allocate:
          target_.allocate(slot, operation.bytes());
          break;
        case Kind::resize:
          if (slot.place != 0) target_.resize(slot, operation.bytes());
          break;
        case Kind::release:
          if (slot.place != 0) target_.release(slot);
          break;
        case Kind::compact:
          break;
      }
    }
  }

  /// Calls `each` with one slice after the other, and `pulse` between them. Then all is released.
  template <typename Each>
  void replay(const Pulse& pulse, Each&& each) {
    release_all();  // an interrupted run's
    for (std::size_t done = 0; done < operations_.size();) {
      const std::size_t count = std::min(slice, operations_.size() - done);
      each(operations_.subspan(done, count), done);
      done += count;
      pulse(done);
    }
    target_.check();
    release_all();
    target_.make_one_hole();
  }
  void release_all() {
    for (Slot& slot : slots_) {
      if (slot.place != 0) target_.release(slot);
    }
  }

  std::span<const Operation> operations_;
  Target target_;
  std::vector<Slot> slots_;
};

template <typename Target>
std::uint64_t Stopwatch<Target>::run(const Pulse& pulse) {
  Clock::duration spent{};
  replay(pulse, [&](std::span<const Operation> operations, std::size_t) {
    const auto start = Clock::now();
    play(operations);
    spent += Clock::now() - start;
  });
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(spent).count());
}

template <typename Target>
std::vector<std::uint32_t> Stopwatch<Target>::least(unsigned replays, const Pulse& pulse) {
  constexpr auto most = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint32_t> least(operations_.size(), most);
  for (; replays > 0; --replays) {
    replay(pulse, [&](std::span<const Operation> operations, std::size_t first) {
      auto before = Clock::now();
      for (std::size_t number = 0; number < operations.size(); ++number) {
        play(operations.subspan(number, 1));
        const auto after = Clock::now();
        const auto took =
            static_cast<std::uint64_t>(std::chrono::nanoseconds(after - before).count());
        least[first + number] = std::min(
            least[first + number], static_cast<std::uint32_t>(std::min<std::uint64_t>(took, most)));
        before = after;
      }
    });
  }
  return least;
}

}  // namespace rheap::replay
