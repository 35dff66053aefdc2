#include "trace/site_table.hpp"

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using trace::SiteTable;

TEST("a table of sites grows and keeps the number of each") {
  SiteTable table;
  CHECK(table.find({1, 2}) == 0);
  constexpr std::uint32_t count = 10'000;
  // Alike in one half, and with the same place to look first.
  for (std::uint32_t number = 1; number <= count; ++number) {
    table.put({number / 100, number % 100 ^ number / 100}, number);
  }
  for (std::uint32_t number = 1; number <= count; ++number) {
    CHECK(table.find({number / 100, number % 100 ^ number / 100}) == number);
  }
  CHECK(table.find({count, count}) == 0);
}
