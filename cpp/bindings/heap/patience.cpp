#include "bindings/heap/patience.hpp"

#include "bindings/interpreter/gil.hpp"
#include "core/system/clock.hpp"
#include "core/system/threads.hpp"

namespace rheap::bindings {

namespace {

constexpr std::uint64_t longest_wait = 10'000'000;  // microseconds

/// `check`, `defrag` and `trim` run without the GIL anyway.
template <typename Work>
void letting_others_run(Work&& work) {
  if (PyGILState_Check() == 0) return work();
  without_gil(work);
}

}  // namespace

void Patience::wait() {
  const std::uint64_t now = system::microseconds();
  if (deadline_ == 0) deadline_ = now + longest_wait;
  if (now > deadline_) throw Busy(heap_ != nullptr ? heap_->busy_pid() : 0);
  letting_others_run([&] { system::wait_a_little(64 + round_++); });
}

void Patience::provide(const Unprovided& range) {
  letting_others_run([&] { heap_->provide(range); });
}

}  // namespace rheap::bindings
