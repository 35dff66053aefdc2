#include "trace/parse.hpp"

#include <string>
#include <string_view>

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using trace::Kind;
using trace::Malformed;
using trace::Parser;
using trace::Trace;

namespace {

/// The trace of a text that comes in parts of so many bytes.
Trace parsed(std::string_view text, std::size_t part = 1 << 20) {
  Parser parser("text");
  for (std::size_t at = 0; at < text.size(); at += part) parser.feed(text.substr(at, part));
  return parser.finish();
}

Malformed refusal(std::string_view text, std::size_t part = 1 << 20) {
  return CHECK_THROWS<Malformed>([&] { static_cast<void>(parsed(text, part)); });
}

}  // namespace

TEST("a trace is the same in parts of any size") {
  constexpr std::string_view text = "# rheap 1 time thread\n\na 7 100 0 0\r\nr 7 50 3 1\nf 7 9 0\n";
  for (std::size_t part = 1; part <= text.size(); ++part) {
    const Trace trace = parsed(text, part);
    CHECK(trace.operations().size() == 3);
    CHECK(trace.operations()[0].kind() == Kind::allocate);
    CHECK(trace.operations()[1].bytes() == 50);
    CHECK(trace.operations()[2].kind() == Kind::release);
    CHECK(trace.line_of(0) == 3 && trace.line_of(2) == 5);
    CHECK(!trace.torn_line());
  }
}

TEST("a trace of version 2 is the same in parts of any size") {
  constexpr std::string_view text =
      "# rheap 2\nt 1\ns 1 x.py:3 f\na 100\nu 4\na 8\r\ns 0\nr 2 50\nu 5\nf 2\nf 1\n";
  for (std::size_t part = 1; part <= text.size(); ++part) {
    const Trace trace = parsed(text, part);
    CHECK(trace.operations().size() == 5);
    CHECK(trace.operations()[2].kind() == Kind::resize);
    CHECK(trace.operations()[2].slot() == trace.operations()[0].slot());
    CHECK(trace.operations()[3].slot() == trace.operations()[0].slot());
    CHECK(trace.operations()[4].slot() == trace.operations()[1].slot());
    CHECK(trace.has_times() && trace.has_threads() && trace.has_sites());
    CHECK(trace.time_of(0) == 0 && trace.time_of(2) == 4 && trace.time_of(4) == 9);
    CHECK(trace.thread_of(0) == 1 && trace.thread_of(4) == 1);
    CHECK(trace.sites().size() == 2 && trace.sites()[1] == "x.py:3 f");
    CHECK(trace.site_of(1) == 1 && trace.site_of(2) == 0 && trace.site_of(3) == 0);
    CHECK(trace.line_of(0) == 4 && trace.line_of(4) == 11);
  }
}

TEST("a compaction is bounded or not, and in version 2 only") {
  constexpr std::string_view text = "# rheap 2\nc\na 8\nc 100\nc \r\n c\t0\nf 1\nc 1";
  for (std::size_t part = 1; part <= text.size(); ++part) {
    const Trace trace = parsed(text, part);
    CHECK(trace.operations().size() == 6 && trace.allocations() == 1);
    CHECK(trace.operations()[0].kind() == Kind::compact);
    CHECK(trace.operations()[0].bytes() == trace::Operation::unbounded);
    CHECK(trace.operations()[2].bytes() == 100);
    CHECK(trace.operations()[3].bytes() == trace::Operation::unbounded);
    CHECK(trace.operations()[4].kind() == Kind::compact && trace.operations()[4].bytes() == 0);
    CHECK(trace.operations()[5].kind() == Kind::release);
    CHECK(trace.torn_line() == 8);
  }
  CHECK(refusal("a 1 8\nc\n").line == 2);
  CHECK(refusal("# rheap 2\na 8\nc 1 2\n").line == 3);
  CHECK(refusal("# rheap 2\na 8\nc 1099511627777\n").line == 3);
  CHECK(refusal("# rheap 2\nc\nc\n").line == 4);  // nothing is ever allocated
}

TEST("a last line of version 2 without its end is left out, though it could be read") {
  const Trace trace = parsed("# rheap 2\na 8\na 1");
  CHECK(trace.operations().size() == 1);
  CHECK(trace.torn_line() == 3);
  CHECK(refusal("# rheap 2\na 1").line == 2);
}

TEST("what is malformed is refused at its line, in parts of any size") {
  constexpr std::string_view text = "a 1 8\nf 1\nf 1\na 2 8\n";
  for (std::size_t part = 1; part <= text.size(); ++part) {
    const Malformed malformed = refusal(text, part);
    CHECK(malformed.line == 3);
    CHECK(malformed.source == "text");
    CHECK(std::string_view(malformed.what()).find("not live") != std::string_view::npos);
  }
  CHECK(refusal("a 1 8\na 1 8\n").line == 2);
  CHECK(refusal("a 1 1099511627777\n").line == 1);
  CHECK(refusal("a 1 8 9\n").line == 1);
  CHECK(refusal("# rheap 2\na 1 8\n").line == 2);
  CHECK(refusal("# rheap 3\na 1 8\n").line == 1);
  CHECK(refusal("# only a comment\n").line == 2);
  CHECK(refusal("a 1 8\n# \xff\nf 1\n").line == 2);
}

TEST("a torn last line is left out, a torn line in between is refused") {
  const Trace trace = parsed("a 1 8\na 2 16\nr 2 ");
  CHECK(trace.operations().size() == 2);
  CHECK(trace.torn_line() == 3);
  CHECK(parsed("a 1 8\nf 1").operations().size() == 2);  // it lacks its end, and can be read
  CHECK(refusal("a 1 8\nr 1 \nf 1\n").line == 2);
  CHECK(refusal("a 1").line == 1);  // then nothing is left
}

TEST("an id may be used again, and a vacant slot is taken again") {
  const Trace trace = parsed("a 5 1\na 900 2\nf 5\na 5 3\nf 900\nf 5\n");
  CHECK(trace.slots() == 2);
  CHECK(trace.operations()[3].slot() == trace.operations()[0].slot());
  CHECK(trace.operations()[4].slot() == trace.operations()[1].slot());
}

TEST("a line without an end is refused before it fills memory") {
  Parser parser("text");
  const std::string part(Parser::longest_line, 'x');
  parser.feed(part);
  CHECK_THROWS<Malformed>([&] { parser.feed("x"); });
}
