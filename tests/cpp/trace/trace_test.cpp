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

TEST("a compaction has no block, no site and no part in what a trace wants") {
  Trace trace = sample();
  const Demand before = trace.demand();
  const std::string text = Writer(trace).next();
  trace.set_site(trace.add_site("x"));
  trace.add({Kind::compact, 0, Operation::unbounded}, 13);
  CHECK(trace.slots() == 2 && trace.allocations() == 3 && trace.compactions() == 1);
  CHECK(trace.demand().bytes == before.bytes && trace.demand().operation == before.operation);
  CHECK(trace.site_of(5) == 0);
  CHECK(trace.operations()[5].bytes() == Operation::unbounded);
  CHECK(Writer(trace).next() == text);  // which counts and writes the others alone
}

TEST("time, thread and site are those of the last change, and a release has no site") {
  Trace trace("sample");
  CHECK(!trace.has_times() && !trace.has_threads() && !trace.has_sites());
  trace.add({Kind::allocate, 0, 1}, 1);
  trace.set_time(7);
  trace.set_thread(3);
  trace.set_thread(2);  // before an operation the last counts
  trace.set_site(trace.add_site("x.py:3 f"));
  trace.add({Kind::resize, 0, 2}, 2);
  trace.set_time(7);
  trace.add({Kind::release, 0, 0}, 3);
  CHECK(trace.time_of(0) == 0 && trace.time_of(1) == 7 && trace.time_of(2) == 7);
  CHECK(trace.thread_of(0) == 0 && trace.thread_of(1) == 2 && trace.thread_of(2) == 2);
  CHECK(trace.site_of(0) == 0 && trace.site_of(1) == 1 && trace.site_of(2) == 0);
  CHECK(trace.sites().size() == 2 && trace.sites()[0].empty() && trace.sites()[1] == "x.py:3 f");
  std::uint64_t times = 0;
  std::uint64_t threads = 0;
  std::uint64_t sites = 0;
  trace.each_time([&](std::size_t number, std::uint64_t time) { times += (number + 1) * time; });
  trace.each_thread([&](std::size_t number, std::uint32_t of) { threads += (number + 1) * of; });
  trace.each_site([&](std::size_t number, std::uint32_t site) { sites += (number + 1) * site; });
  CHECK(times == 5 * 7 && threads == 5 * 2 && sites == 2);
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
