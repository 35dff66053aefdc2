#include "replay/stopwatch.hpp"

#include <stdexcept>
#include <vector>

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using replay::HeapTarget;
using replay::Slot;
using replay::Stopwatch;
using trace::Kind;
using trace::Trace;

namespace {

/// Serves everything and counts, so that it is seen what it is asked.
struct CountingTarget {
  void allocate(Slot& slot, std::uint64_t) { slot.place = ++allocated; }
  void resize(Slot&, std::uint64_t) { ++resized; }
  void release(Slot& slot) {
    ++released;
    slot.place = 0;
  }
  void check() const {}
  void make_one_hole() { merged_when_empty = merged_when_empty && allocated == released; }

  std::uint64_t allocated = 0;
  std::uint64_t resized = 0;
  std::uint64_t released = 0;
  bool merged_when_empty = true;
};

Trace leaking(std::uint32_t blocks) {
  Trace trace("leaking");
  for (std::uint32_t slot = 0; slot < blocks; ++slot) {
    trace.add({Kind::allocate, slot, 40}, slot + 1);
  }
  trace.add({Kind::resize, 0, 20}, blocks + 1);
  return trace;
}

}  // namespace

TEST("every operation is played in every run, and what is left live is released") {
  const Trace trace = leaking(10'000);
  Stopwatch<CountingTarget> stopwatch(trace);
  std::vector<std::size_t> pulses;
  stopwatch.run([&](std::size_t done) { pulses.push_back(done); });
  CHECK(pulses.size() > 1 && pulses.back() == 10'001);
  CHECK(stopwatch.least(2, [](std::size_t) {}).size() == 10'001);
  CHECK(stopwatch.target().allocated == 30'000 && stopwatch.target().resized == 3);
  CHECK(stopwatch.target().released == 30'000);
  CHECK(stopwatch.target().merged_when_empty);
}

TEST("compactions are not timed") {
  Trace trace = leaking(10);
  trace.add({Kind::compact, 0, trace::Operation::unbounded}, 12);
  Stopwatch<CountingTarget> stopwatch(trace);
  stopwatch.run([](std::size_t) {});
  CHECK(stopwatch.target().allocated == 10 && stopwatch.target().released == 10);
}

TEST("a run that was interrupted leaves nothing to the next") {
  const Trace trace = leaking(10'000);
  Stopwatch<CountingTarget> stopwatch(trace);
  CHECK_THROWS<std::runtime_error>(
      [&] { stopwatch.run([](std::size_t) { throw std::runtime_error("enough"); }); });
  CHECK(stopwatch.target().released == 0);
  stopwatch.run([](std::size_t) {});
  CHECK(stopwatch.target().allocated == stopwatch.target().released);
  CHECK(stopwatch.target().merged_when_empty);
}

TEST("a heap that refuses some of a trace is timed all the same") {
  const Trace trace = leaking(1000);
  Stopwatch<HeapTarget> stopwatch(trace, Allocator::Options{.capacity = 4096});
  for (int run = 0; run < 3; ++run) stopwatch.run([](std::size_t) {});
}
