#include "trace/site_share.hpp"

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using trace::Kind;
using trace::shares_after;
using trace::SiteShare;
using trace::Trace;

TEST("a block is that of the site which asked for its present size") {
  Trace trace("sample");
  const std::uint32_t one = trace.add_site("one");
  const std::uint32_t two = trace.add_site("two");
  trace.add({Kind::allocate, 0, 5}, 1);
  trace.set_site(one);
  trace.add({Kind::allocate, 1, 100}, 2);
  trace.add({Kind::allocate, 2, 0}, 3);
  trace.set_site(two);
  trace.add({Kind::resize, 1, 30}, 4);
  trace.add({Kind::release, 2, 0}, 5);
  trace.add({Kind::allocate, 2, 40}, 6);
  trace.add({Kind::compact, 0, 8}, 7);

  CHECK(shares_after(trace, 0).empty());
  const std::vector<SiteShare> before = shares_after(trace, 3);
  CHECK(before.size() == 2);
  CHECK(before[0].site == one && before[0].bytes == 100 && before[0].blocks == 2);
  CHECK(before[1].site == 0 && before[1].bytes == 5 && before[1].blocks == 1);
  const std::vector<SiteShare> end = shares_after(trace, 7);
  CHECK(end.size() == 2);
  CHECK(end[0].site == two && end[0].bytes == 70 && end[0].blocks == 2);
  CHECK(end[1].site == 0 && end[1].bytes == 5);
}
