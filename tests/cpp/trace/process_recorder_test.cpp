#include "trace/process_recorder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using trace::ProcessRecorder;
using trace::TraceFigures;
using Times = trace::TraceWriter::Times;

namespace {

int scratch() {
  const int descriptor = open("/tmp", O_RDWR | O_TMPFILE, 0600);
  CHECK(descriptor >= 0);
  return descriptor;
}

/// Addresses are names here: nothing looks behind them.
void* at(std::uintptr_t number) { return reinterpret_cast<void*>(number << 4); }

}  // namespace

TEST("a process has one recording at a time") {
  ProcessRecorder& recorder = ProcessRecorder::get();
  const int other = scratch();
  CHECK(recorder.start(scratch(), Times::none, nullptr));
  CHECK(!recorder.start(other, Times::none, nullptr));
  CHECK(close(other) == 0);  // it was not withdrawn
  CHECK(recorder.active());
  recorder.stop();
  CHECK(!recorder.active());
  recorder.allocated(at(1), 10);
  CHECK(recorder.last()->figures().operations == 0);
}

TEST("blocks are known by their addresses, older ones are not") {
  ProcessRecorder& recorder = ProcessRecorder::get();
  CHECK(recorder.start(scratch(), Times::none, nullptr));
  recorder.freed(at(9));
  recorder.allocated(at(1), 100);
  recorder.resized(recorder.withdraw(at(1)), at(2), 60);
  recorder.kept(recorder.withdraw(at(2)));
  recorder.resized(recorder.withdraw(at(9)), at(3), 5);  // born before: its new life is a birth
  recorder.freed(at(2));
  recorder.allocated(at(3), 7);  // somebody else freed what was there
  recorder.stop();
  const TraceFigures figures = recorder.last()->figures();
  CHECK(figures.dropped_frees == 1);
  CHECK(figures.operations == 6);
  CHECK(figures.live_bytes == 7);
  CHECK(figures.peak_bytes == 100);
}

TEST("who asks is found for each request that is told, and for no other") {
  ProcessRecorder& recorder = ProcessRecorder::get();
  std::uint32_t asked = 0;
  CHECK(recorder.start(scratch(), Times::none, [&]() -> trace::Origin { return {++asked, "x"}; }));
  recorder.allocated(at(1), 100);
  recorder.resized(recorder.withdraw(at(1)), at(2), 60);
  recorder.resized(recorder.withdraw(at(9)), at(3), 5);
  recorder.kept(recorder.withdraw(at(2)));
  recorder.freed(at(2));
  recorder.freed(at(9));
  CHECK(asked == 3);
  const ProcessRecorder::Withdrawn withdrawn = recorder.withdraw(at(3));
  recorder.stop();
  CHECK(recorder.start(scratch(), Times::none, [&]() -> trace::Origin { return {++asked, "x"}; }));
  recorder.resized(withdrawn, at(3), 200);
  recorder.stop();
  CHECK(asked == 3);
}

TEST("a block that was withdrawn in one recording is not in the next") {
  ProcessRecorder& recorder = ProcessRecorder::get();
  CHECK(recorder.start(scratch(), Times::none, nullptr));
  recorder.allocated(at(1), 100);
  const ProcessRecorder::Withdrawn withdrawn = recorder.withdraw(at(1));
  recorder.stop();
  CHECK(recorder.start(scratch(), Times::none, nullptr));
  recorder.resized(withdrawn, at(1), 200);
  recorder.kept(withdrawn);
  recorder.stop();
  CHECK(recorder.last()->figures().operations == 0);
}

TEST("a recording goes on in the parent of a fork alone") {
  ProcessRecorder& recorder = ProcessRecorder::get();
  CHECK(recorder.start(scratch(), Times::none, nullptr));
  recorder.allocated(at(1), 100);
  in_child(30, [&] {
    CHECK(!recorder.active());
    recorder.freed(at(1));
    recorder.stop();
  });
  recorder.freed(at(1));
  recorder.stop();
  CHECK(recorder.last()->figures().operations == 2);
  CHECK(recorder.last()->figures().live_bytes == 0);
}
