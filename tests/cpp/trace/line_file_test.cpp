#include "trace/line_file.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using trace::LineFile;

namespace {

/// A regular file without a name, and what it holds.
struct Scratch {
  Scratch() : descriptor(open("/tmp", O_RDWR | O_TMPFILE, 0600)) { CHECK(descriptor >= 0); }
  ~Scratch() { close(descriptor); }

  /// For a LineFile, which closes what it is given.
  [[nodiscard]] int another() const { return dup(descriptor); }
  [[nodiscard]] std::string text() const {
    std::string text(1 << 20, '\0');
    const ssize_t bytes = pread(descriptor, text.data(), text.size(), 0);
    CHECK(bytes >= 0);
    return text.substr(0, static_cast<std::size_t>(bytes));
  }

  int descriptor;
};

bool append(LineFile& file, std::string_view line) {
  char* const place = file.reserve(100);
  if (place == nullptr) return false;
  file.add(place + line.copy(place, 99));
  return true;
}

}  // namespace

TEST("a line is in a regular file at once, and zero bytes are behind it until the end") {
  Scratch scratch;
  LineFile file(scratch.another());
  CHECK(append(file, "one"));
  CHECK(append(file, "two"));
  CHECK(file.entries() == 2);
  const std::string text = scratch.text();
  CHECK(text.starts_with("one\ntwo\n"));
  CHECK(text.size() == LineFile::step_bytes);
  CHECK(text.find_first_not_of('\0', 8) == text.npos);
  file.close();
  CHECK(file.error() == 0);
  CHECK(scratch.text() == "one\ntwo\n");
  CHECK(!append(file, "three"));
}

TEST("a line that was begun is not in the file") {
  Scratch scratch;
  LineFile file(scratch.another());
  CHECK(append(file, "one"));
  file.reserve(100)[0] = 'x';
  file.close();
  CHECK(scratch.text() == "one\n");
}

TEST("lines come one after the other through many steps") {
  Scratch scratch;
  std::string expected;
  {
    LineFile file(scratch.another());
    for (int line = 0; expected.size() < LineFile::step_bytes * 3 / 2; ++line) {
      const std::string text = "line " + std::to_string(line);
      CHECK(append(file, text));
      expected += text + "\n";
    }
  }
  CHECK(scratch.text() == expected);
}

TEST("what is abandoned stays as it is") {
  Scratch scratch;
  LineFile file(scratch.another());
  CHECK(append(file, "one"));
  file.abandon();
  CHECK(scratch.text().size() == LineFile::step_bytes);
  CHECK(!append(file, "two"));
}

TEST("a limit ends the file behind a whole line, with an error and no signal") {
  std::signal(SIGXFSZ, SIG_DFL);
  constexpr std::size_t limit = 50'001;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit low = before;
  low.rlim_cur = limit;
  setrlimit(RLIMIT_FSIZE, &low);
  Scratch scratch;
  LineFile file(scratch.another());
  std::uint64_t lines = 0;
  while (append(file, "1234567")) ++lines;
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK(file.error() == EFBIG);
  CHECK(file.entries() == lines);
  CHECK(scratch.text().size() == 8 * lines);
  CHECK(scratch.text().ends_with("1234567\n"));
  CHECK(8 * lines > limit - 16'384);
}

TEST("a file that has the number of ours is left alone") {
  Scratch scratch;
  Scratch other;
  const int descriptor = scratch.another();
  LineFile file(descriptor);
  CHECK(append(file, "one"));
  CHECK(dup2(other.descriptor, descriptor) == descriptor);
  CHECK(append(file, "two"));  // the window is ours still
  file.close();
  CHECK(file.error() == EBADF);
  CHECK(file.entries() == 2);
  CHECK(scratch.text().starts_with("one\ntwo\n"));
  CHECK(other.text().empty());
  CHECK(close(descriptor) == 0);  // it did not do that either
}

TEST("a file that can only be written to gets its lines in the end") {
  Scratch scratch;
  const std::string name = "/proc/self/fd/" + std::to_string(scratch.descriptor);
  LineFile file(open(name.c_str(), O_WRONLY));
  CHECK(append(file, "one"));
  CHECK(file.entries() == 0);
  CHECK(scratch.text().empty());
  file.close();
  CHECK(file.entries() == 1);
  CHECK(file.error() == 0);
  CHECK(scratch.text() == "one\n");
}

TEST("what such a file has no room for is cut off at the end of a line") {
  constexpr std::size_t limit = 20'001;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit low = before;
  low.rlim_cur = limit;
  setrlimit(RLIMIT_FSIZE, &low);
  Scratch scratch;
  const std::string name = "/proc/self/fd/" + std::to_string(scratch.descriptor);
  LineFile file(open(name.c_str(), O_WRONLY));
  while (append(file, "1234567")) continue;
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK(file.error() == EFBIG);
  CHECK(file.entries() > 0);
  CHECK(scratch.text().size() == 8 * file.entries());
}
