#include "replay/inspection.hpp"

#include <vector>

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

/// Two holes before two of four blocks of 64 bytes with their words; then two compactions.
Trace holes(std::uint64_t most) {
  Trace trace("holes");
  for (std::uint32_t slot = 0; slot < 4; ++slot) trace.add({Kind::allocate, slot, 56}, slot + 1);
  trace.add({Kind::release, 0, 0}, 5);
  trace.add({Kind::release, 2, 0}, 6);
  trace.add({Kind::compact, 0, most}, 7);
  trace.add({Kind::compact, 0, most}, 8);
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
    const Offset place = inspection.block(0).payload;
    *const_cast<std::byte*>(inspection.allocator().region().address(place + at)) ^= std::byte{1};
    const Damage damage = CHECK_THROWS<Damage>([&] { inspection.verify(); });
    CHECK(damage.where == place + at / 8 * 8);
    CHECK_THROWS<Damage>([&] { inspection.step(); });  // which resizes it
  }
}

TEST("a compaction moves what lies behind a hole, and its contents are verified") {
  const Trace trace = holes(trace::Operation::unbounded);
  Inspection inspection(trace, {.capacity = 1 << 16});
  while (inspection.position() < 6) inspection.step();
  CHECK(inspection.moved().empty());
  const Offset first = inspection.block(1).payload;
  CHECK(!inspection.step());
  const std::vector<Inspection::Moved>& moved = inspection.moved();
  CHECK(moved.size() == 2 && moved[0].slot == 1 && moved[1].slot == 3);
  CHECK(moved[0].from == first && inspection.block(1).payload == first - 64);
  CHECK(inspection.block(3).payload == first);
  CHECK(inspection.free_space().now().bytes == inspection.free_space().now().largest);
  inspection.verify();
  inspection.step();
  CHECK(inspection.moved().empty());
  CHECK(inspection.figures().requests == 4 && inspection.figures().work_most < 4);
  inspection.verify();
}

TEST("a bounded compaction goes on where the last one stopped") {
  const Trace trace = holes(64);
  Inspection inspection(trace, {.capacity = 1 << 16});
  while (inspection.position() < 7) inspection.step();
  CHECK(inspection.moved().size() == 1 && inspection.moved()[0].slot == 1);
  inspection.step();
  CHECK(inspection.moved().size() == 1 && inspection.moved()[0].slot == 3);
  inspection.verify();
}

TEST("a payload that was damaged before it moved is found") {
  const Trace trace = holes(trace::Operation::unbounded);
  Inspection inspection(trace, {.capacity = 1 << 16});
  while (inspection.position() < 6) inspection.step();
  const Offset place = inspection.block(3).payload;
  *const_cast<std::byte*>(inspection.allocator().region().address(place)) ^= std::byte{1};
  CHECK_THROWS<Damage>([&] { inspection.step(); });
}
