#include "replay/inspection.hpp"

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using replay::Inspection;
using trace::Kind;
using trace::Trace;

namespace {

Trace two_blocks() {
  Trace trace("two blocks");
  trace.add({Kind::allocate, 0, 100}, 1);
  trace.add({Kind::allocate, 1, 1000}, 2);
  trace.add({Kind::resize, 0, 2000}, 3);
  trace.add({Kind::release, 1, 0}, 4);
  trace.add({Kind::release, 0, 0}, 5);
  return trace;
}

}  // namespace

TEST("an inspection adds up what was asked for") {
  const Trace trace = two_blocks();
  Inspection inspection(trace, {.capacity = 1 << 16});
  while (!inspection.done()) {
    inspection.step();
    inspection.verify();
  }
  const Inspection::RunFigures figures = inspection.figures();
  CHECK(figures.requests == 3 && figures.failed == 0);
  CHECK(figures.peak_live_bytes == 3000);
  CHECK(inspection.live_bytes() == 0);
  CHECK(figures.at_peak.merged().bytes < figures.at_end.merged().bytes);
  CHECK(figures.at_end.merged().bytes == figures.at_end.merged().largest);
}

TEST("what is refused has no place and is not counted as live") {
  const Trace trace = two_blocks();
  Inspection inspection(trace, {.capacity = 512});
  while (!inspection.done()) inspection.step();
  CHECK(inspection.figures().failed == 2);
  CHECK(inspection.figures().peak_live_bytes == 100);
  inspection.verify();
}

TEST("a payload that somebody else wrote to is found") {
  const Trace trace = two_blocks();
  for (const std::uint64_t at : {0, 99}) {
    Inspection inspection(trace, {.capacity = 1 << 16});
    inspection.step();
    inspection.step();
    const Offset place{inspection.slot(0).place};
    *const_cast<std::byte*>(inspection.allocator().region().address(place + at)) ^= std::byte{1};
    const Damage damage = CHECK_THROWS<Damage>([&] { inspection.verify(); });
    CHECK(damage.where == place + at / 8 * 8);
    CHECK_THROWS<Damage>([&] { inspection.step(); });  // which resizes it
  }
}
