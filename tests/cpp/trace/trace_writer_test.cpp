#include "trace/trace_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <limits>
#include <thread>

#include "cpp/testing.hpp"
#include "trace/parse.hpp"

using namespace rheap;
using namespace rheap::testing;
using trace::TraceWriter;
using Times = TraceWriter::Times;

namespace {

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

struct Pipe {
  Pipe() { CHECK(pipe(ends) == 0); }

  std::string read_all() {
    std::string text(1 << 20, '\0');
    std::size_t length = 0;
    while (const ssize_t more = read(ends[0], text.data() + length, text.size() - length)) {
      CHECK(more > 0);
      length += static_cast<std::size_t>(more);
    }
    close(ends[0]);
    return text.substr(0, length);
  }

  int ends[2];
};

}  // namespace

TEST("the longest entry has room") {
  Pipe pipe;
  {
    TraceWriter writer(pipe.ends[1], Times::each);
    for (std::uint32_t site = 1; site <= 5; ++site) {
      writer.resized(largest, largest, {site, std::string(9999, '\n')});
    }
  }
  const std::string text = pipe.read_all();
  std::string site;
  for (int character = 0; character < 2048; ++character) site += "\\n";
  const std::string operation = "r 18446744073709551615 18446744073709551615\n";
  CHECK(text.starts_with("# rheap 2\n"));
  CHECK(text.ends_with("s 5 " + site + "\n" + operation));
}

TEST("a character is not cut in two") {
  Pipe pipe;
  {
    TraceWriter writer(pipe.ends[1], Times::none);
    writer.allocated(2, {1, std::string(2047, 'x') + "\u2603"});
  }
  CHECK(pipe.read_all().ends_with("xx\na 2\n"));
}

TEST("thread and site are told where they change, and a site's text once") {
  Pipe pipe;
  {
    TraceWriter writer(pipe.ends[1], Times::none);
    writer.allocated(10, {});
    writer.allocated(11, {1, "x.py:3 a\\b"});
    writer.freed(1);
    writer.allocated(12, {1});
    std::thread([&] { writer.allocated(13, {2, "y"}); }).join();
    writer.resized(2, 14, {1});
    writer.allocated(15, {});
    std::thread([&] { writer.compacted({}); }).join();
    writer.compacted(100);
    CHECK(writer.threads() == 3);
  }
  CHECK(pipe.read_all() ==
        "# rheap 2\na 10\ns 1 x.py:3 a\\\\b\na 11\nf 1\na 12\nt 1\ns 2 y\na 13\n"
        "t 0\ns 1\nr 2 14\ns 0\na 15\nt 2\nc\nt 0\nc 100\n");
}

TEST("the time is told where it changes, when it is wanted") {
  Pipe pipe;
  {
    TraceWriter writer(pipe.ends[1], Times::each);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    writer.allocated(10, {});
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    writer.freed(1);
  }
  trace::Parser parser("pipe");
  parser.feed(pipe.read_all());
  const trace::Trace trace = parser.finish();
  CHECK(trace.time_of(0) >= 2000 && trace.time_of(1) >= trace.time_of(0) + 2000);
}

TEST("an entry of several lines counts once") {
  Pipe pipe;
  TraceWriter writer(pipe.ends[1], Times::none);
  writer.allocated(10, {1, "x"});
  writer.allocated(10, {2, "y"});
  writer.close();
  CHECK(writer.entries() == 2);
  pipe.read_all();
}

TEST("nothing is written to a file that has the number of the trace's") {
  Pipe pipe;
  Pipe other;
  TraceWriter writer(pipe.ends[1], Times::none);
  CHECK(dup2(other.ends[1], pipe.ends[1]) == pipe.ends[1]);
  close(other.ends[1]);
  writer.freed(1);
  writer.close();
  CHECK(writer.error() == EBADF);
  CHECK(close(pipe.ends[1]) == 0);  // it did not do that either
  CHECK(other.read_all().empty());
}

TEST("a pipe that nobody reads is an error and no signal, and errno stays") {
  std::signal(SIGPIPE, SIG_DFL);
  Pipe pipe;
  close(pipe.ends[0]);
  TraceWriter writer(pipe.ends[1], Times::none);
  errno = EDOM;
  writer.close();
  CHECK(errno == EDOM);
  CHECK(writer.error() == EPIPE);
}

TEST("what was abandoned is not written") {
  Pipe pipe;
  TraceWriter writer(pipe.ends[1], Times::none);
  writer.freed(1);
  writer.abandon();
  CHECK(writer.error() == 0);
  CHECK(pipe.read_all().empty());
}
