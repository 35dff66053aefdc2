#include "trace/recording.hpp"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using trace::Recording;
using trace::TraceWriter;

namespace {

struct Pipe {
  Pipe() { CHECK(pipe(ends) == 0); }
  std::string read_all() {
    std::string text(1 << 16, '\0');
    const ssize_t bytes = read(ends[0], text.data(), text.size());
    CHECK(bytes >= 0);
    close(ends[0]);
    return text.substr(0, static_cast<std::size_t>(bytes));
  }
  int ends[2];
};

}  // namespace

TEST("ids start at 1 and are never used again") {
  Pipe pipe;
  Recording recording(pipe.ends[1], TraceWriter::Times::none);
  CHECK(recording.allocated(8) == 1);
  recording.freed(1, 8);
  CHECK(recording.allocated(8) == 2);
  recording.finish();
  CHECK(pipe.read_all().starts_with("# rheap 2\na 8\nf 1\na 8\n"));
}

TEST("a block is known by how many allocations ago it was made") {
  Pipe pipe;
  Recording recording(pipe.ends[1], TraceWriter::Times::none);
  const std::uint64_t one = recording.allocated(8);
  const std::uint64_t two = recording.allocated(9);
  recording.resized(one, 8, 10);
  recording.freed(two, 9);
  recording.allocated(11);
  recording.freed(one, 10);
  recording.finish();
  CHECK(pipe.read_all().starts_with("# rheap 2\na 8\na 9\nr 2 10\nf 1\na 11\nf 3\n"));
}

TEST("the peak is the most bytes that were live at one time") {
  Pipe pipe;
  Recording recording(pipe.ends[1], TraceWriter::Times::none);
  const std::uint64_t one = recording.allocated(100);
  const std::uint64_t two = recording.allocated(50);
  recording.freed(two, 50);
  recording.resized(one, 100, 120);
  recording.freed_older();
  recording.compacted({});
  recording.finish();
  CHECK(recording.figures().operations == 5);
  CHECK(recording.figures().live_bytes == 120);
  CHECK(recording.figures().peak_bytes == 150);
  CHECK(recording.figures().dropped_frees == 1);
  const std::string text = pipe.read_all();
  CHECK(text.find("# operations: 5, threads: 1, most bytes live: 150\n") != text.npos);
  CHECK(text.ends_with("# dropped 1 frees of blocks born before\n"));
}

TEST("behind an error nothing is recorded") {
  Pipe pipe;
  Recording recording(pipe.ends[1], TraceWriter::Times::none);
  CHECK(recording.allocated(8) == 1);
  recording.fail(ENOSPC);
  CHECK(recording.failed() && recording.writer().error() == ENOSPC);
  CHECK(recording.allocated(8) == 0);
  recording.freed(1, 8);
  recording.compacted({});
  CHECK(recording.figures().operations <= 1);
  recording.finish();
  CHECK(pipe.read_all().find("\na 2 ") == std::string::npos);
}
