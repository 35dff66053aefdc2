#include "trace/trace.hpp"

#include <string>

#include "cpp/testing.hpp"
#include "trace/parse.hpp"

using namespace rheap;
using namespace rheap::testing;
using trace::Demand;
using trace::Kind;
using trace::Operation;
using trace::Trace;
using trace::Writer;

namespace {

Trace sample() {
  Trace trace("sample");
  trace.add({Kind::allocate, 0, 100}, 5);
  trace.add({Kind::allocate, 1, 1}, 6);
  trace.add({Kind::resize, 0, 300}, 9);
  trace.add({Kind::release, 1, 0}, 10);
  trace.add({Kind::allocate, 1, 50}, 12);
  return trace;
}

}  // namespace

TEST("an operation keeps a size of more than 32 bits") {
  constexpr std::uint64_t bytes = (std::uint64_t{1} << 40) + 3;
  const Operation operation(Kind::resize, 77, bytes);
  CHECK(operation.bytes() == bytes && operation.slot() == 77 && operation.kind() == Kind::resize);
}

TEST("an operation knows its line, also behind lines that were skipped") {
  const Trace trace = sample();
  constexpr std::uint64_t lines[] = {5, 6, 9, 10, 12};
  for (std::size_t number = 0; number < 5; ++number) CHECK(trace.line_of(number) == lines[number]);
  CHECK(trace.slots() == 2 && trace.allocations() == 3);
}

TEST("a trace wants most when its live payload is highest, not at its end") {
  const Demand demand = sample().demand();
  CHECK(demand.bytes == 350 && demand.operation == 4);
  Trace falling("falling");
  falling.add({Kind::allocate, 0, 100}, 1);
  falling.add({Kind::allocate, 1, 24}, 2);
  falling.add({Kind::resize, 0, 8}, 3);
  CHECK(falling.demand().bytes == 124 && falling.demand().operation == 1);
  CHECK(falling.demand().block_bytes == 112 + 32);  // each with its word
}

TEST("what is written is read as the same trace") {
  const Trace trace = sample();
  Writer writer(trace);
  trace::Parser parser("written");
  for (std::string part = writer.next(); !part.empty(); part = writer.next()) parser.feed(part);
  const Trace read = parser.finish();
  CHECK(read.operations().size() == trace.operations().size());
  for (std::size_t number = 0; number < read.operations().size(); ++number) {
    const Operation& one = read.operations()[number];
    const Operation& other = trace.operations()[number];
    CHECK(one.kind() == other.kind() && one.slot() == other.slot());
    CHECK(one.bytes() == other.bytes());
  }
}
