#include "trace/trace_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <limits>

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using trace::TraceWriter;

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

TEST("the longest line has room") {
  Pipe pipe;
  {
    TraceWriter writer(pipe.ends[1], TraceWriter::Sites::each);
    for (int line = 0; line < 5; ++line) {
      writer.write('a', largest, largest, std::string(9999, '\n'));
    }
  }
  const std::string text = pipe.read_all();
  std::string site;
  for (int character = 0; character < 2048; ++character) site += "\\n";
  CHECK(
      text.starts_with("# rheap 1 time thread site\na 18446744073709551615 18446744073709551615 "));
  CHECK(text.ends_with(" 0 " + site + "\n"));
}

TEST("a character is not cut in two") {
  Pipe pipe;
  {
    TraceWriter writer(pipe.ends[1], TraceWriter::Sites::each);
    writer.write('a', 1, 2, std::string(2047, 'x') + "\u2603");
  }
  CHECK(pipe.read_all().ends_with("xx\n"));
}

TEST("nothing is written to a file that has the number of the trace's") {
  Pipe pipe;
  Pipe other;
  TraceWriter writer(pipe.ends[1], TraceWriter::Sites::none);
  CHECK(dup2(other.ends[1], pipe.ends[1]) == pipe.ends[1]);
  close(other.ends[1]);
  writer.write_freed(1);
  writer.close();
  CHECK(writer.error() == EBADF);
  CHECK(close(pipe.ends[1]) == 0);  // it did not do that either
  CHECK(other.read_all().empty());
}

TEST("a pipe that nobody reads is an error and no signal, and errno stays") {
  std::signal(SIGPIPE, SIG_DFL);
  Pipe pipe;
  close(pipe.ends[0]);
  TraceWriter writer(pipe.ends[1], TraceWriter::Sites::none);
  errno = EDOM;
  writer.close();
  CHECK(errno == EDOM);
  CHECK(writer.error() == EPIPE);
}

TEST("what was abandoned is not written") {
  Pipe pipe;
  TraceWriter writer(pipe.ends[1], TraceWriter::Sites::none);
  writer.write_freed(1);
  writer.abandon();
  CHECK(writer.error() == 0);
  CHECK(pipe.read_all().empty());
}
