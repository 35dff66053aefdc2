#include "replay/varints.hpp"

#include "cpp/testing.hpp"

using namespace rheap::testing;
using rheap::replay::Varints;
using namespace std::string_literals;

TEST("a number takes a byte for each seven bits") {
  Varints column;
  column.add(0);
  column.add(127);
  column.add(128);
  column.add(std::uint64_t{1} << 63);
  CHECK(column.bytes() == "\x00\x7f\x80\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s);
}

TEST("small numbers of either sign take one byte") {
  Varints column;
  for (const std::int64_t value : {0, -1, 1, -64, 63}) column.add_signed(value);
  column.add_difference(3, 5);
  CHECK(column.bytes() == "\x00\x01\x02\x7f\x7e\x03"s);
}
