#include "replay/narration.hpp"

#include "cpp/testing.hpp"
#include "replay/trace_columns.hpp"

using namespace rheap;
using namespace rheap::testing;
using namespace std::string_literals;
using replay::Inspection;
using replay::Narration;
using replay::TraceColumns;
using trace::Kind;
using trace::Trace;

namespace {

Trace sample() {
  Trace trace("sample");
  trace.add({Kind::allocate, 0, 56}, 1);
  trace.add({Kind::allocate, 1, 2000}, 2);  // refused
  trace.add({Kind::release, 0, 0}, 3);
  trace.add({Kind::resize, 1, 8}, 4);
  return trace;
}

}  // namespace

TEST("a trace's columns say what was asked for, and of which allocation") {
  const TraceColumns columns(sample());
  CHECK(columns.kinds.bytes() == "\0\0\2\1"s);
  CHECK(columns.blocks.bytes() == "\2\1"s);
  CHECK(columns.bytes.bytes() == "\x38\xd0\x0f\x08"s);
}

TEST("of a compaction a trace's columns say how much it may move, and no block") {
  Trace trace = sample();
  trace.add({Kind::compact, 0, trace::Operation::unbounded}, 5);
  trace.add({Kind::compact, 0, 8}, 6);
  const TraceColumns columns(trace);
  CHECK(columns.kinds.bytes() == "\0\0\2\1\3\3"s);
  CHECK(columns.blocks.bytes() == "\2\1"s);
  CHECK(columns.bytes.bytes() == "\x38\xd0\x0f\x08\0\x09"s);
}

TEST("a block that moves to where its like lay is born there") {
  Trace trace("three");
  for (std::uint32_t slot = 0; slot < 3; ++slot) trace.add({Kind::allocate, slot, 56}, slot + 1);
  trace.add({Kind::release, 0, 0}, 4);
  trace.add({Kind::compact, 0, trace::Operation::unbounded}, 5);
  Inspection inspection(trace, {.capacity = 1000, .coalesce = Coalesce::immediate});
  Narration narration(inspection, false);
  while (!inspection.done()) {
    inspection.step();
    narration.note(0);
  }
  const replay::RunColumns& columns = narration.columns();
  CHECK(columns.births.bytes() == "\1\1\1\1\3"s);  // both blocks, and the retreat behind them
  CHECK(columns.states.bytes() == "\0\0\0\2\0\0\3"s);
  CHECK(columns.places.bytes() == "\0\x10\x10\0\0\0\0"s);
}

TEST("a narration tells births, the largest request and refusals") {
  const Trace trace = sample();
  Inspection inspection(trace, {.capacity = 1000});
  Narration narration(inspection, true);
  for (const std::uint64_t largest : {928, 928, 992, 992}) {
    inspection.step();
    narration.note(largest);
  }
  const replay::RunColumns& columns = narration.columns();
  CHECK(columns.births.bytes() == "\1\0\1\0"s);
  CHECK(columns.places.bytes() == "\0\0"s);
  CHECK(columns.sizes.bytes() == "\x10\0"s);  // 8 units, then the size that was there
  CHECK(columns.states.bytes() == "\0\1"s);
  CHECK(columns.refused.bytes() == "\1"s);
  CHECK(columns.splices.bytes() == "\0\0\1\5\0\0\1\0\0"s);
}
