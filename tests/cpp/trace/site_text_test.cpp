#include "trace/site_text.hpp"

#include <string>

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

TEST("what was escaped is found again, and other backslashes stay") {
  CHECK(trace::unescaped("a\\\\b\\nc\\rd") == "a\\b\nc\rd");
  CHECK(trace::unescaped("C:\\x\\\\n") == "C:\\x\\n");
  CHECK(trace::unescaped("\\") == "\\");
  CHECK(trace::unescaped("").empty());
}

TEST("of a long site whole characters are kept") {
  const std::string fits(trace::longest_site, 'x');
  CHECK(trace::beginning(fits) == fits);
  CHECK(trace::beginning(fits + "y") == fits);
  const std::string almost(trace::longest_site - 2, 'x');
  CHECK(trace::beginning(almost + "\u2603y") == almost);
}
