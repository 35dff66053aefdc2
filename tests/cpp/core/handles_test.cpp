#include "core/handles/handles.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

constexpr std::uint64_t window = HandleTable::window_bytes;

std::set<Handle*> in_window(const HandleTable& table, std::size_t number) {
  std::set<Handle*> found;
  for (Handle* handle = table.in_window(number); handle != nullptr; handle = handle->next) {
    found.insert(handle);
  }
  return found;
}

Handle at(std::uint64_t place) {
  Handle handle;
  handle.payload = {place};
  return handle;
}

}  // namespace

TEST("a handle is in the list of its window until it is unlinked, in any order") {
  int order[] = {0, 1, 2};
  do {
    HandleTable table(Offset{4 * window});
    Handle handles[] = {at(window), at(window + 8), at(2 * window - 8)};
    Handle other = at(2 * window);
    for (Handle& handle : handles) table.link(handle);
    table.link(other);
    std::set<Handle*> expected{&handles[0], &handles[1], &handles[2]};
    for (const int each : order) {
      CHECK(in_window(table, 1) == expected);
      CHECK(table.count() == expected.size() + 1);
      table.unlink(handles[each]);
      expected.erase(&handles[each]);
    }
    CHECK(in_window(table, 1).empty() && in_window(table, 0).empty());
    CHECK(in_window(table, 2) == std::set{&other});
  } while (std::next_permutation(std::begin(order), std::end(order)));
}

TEST("the last byte of the region has a window") {
  for (const std::uint64_t end : {window, window - 8, 3 * window + 8}) {
    HandleTable table(Offset{end});
    Handle handle = at(end);
    table.link(handle);
    table.unlink(handle);
    CHECK(table.count() == 0);
  }
}

TEST("a cursor finds the handles in address order, and none where there is none") {
  Random random(1);
  HandleTable table(Offset{1 << 20});
  std::vector<Handle> handles;
  std::set<std::uint64_t> places;
  while (places.size() < 500) places.insert(random.below(1 << 17) * 8);
  for (const std::uint64_t place : places) handles.push_back(at(place));
  std::vector<Handle*> shuffled;
  for (Handle& handle : handles) shuffled.push_back(&handle);
  for (std::size_t each = shuffled.size(); each > 1; --each) {
    std::swap(shuffled[each - 1], shuffled[random.below(each)]);
  }
  for (Handle* handle : shuffled) table.link(*handle);
  HandleCursor cursor(table);
  auto expected = handles.begin();
  for (std::uint64_t place = 0; place < 1 << 20; place += 8) {
    Handle* found = cursor.find({place});
    if (expected != handles.end() && expected->payload.value == place) {
      CHECK(found == &*expected);
      ++expected;
    } else {
      CHECK(found == nullptr);
    }
  }
  CHECK(expected == handles.end());
}
