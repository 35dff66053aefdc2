#include "replay/targets.hpp"

#include <algorithm>
#include <cstring>

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using replay::HeapTarget;
using replay::MallocTarget;
using replay::Slot;

TEST("malloc serves a slot, keeps its contents, and takes it back") {
  MallocTarget target;
  Slot slot;
  target.allocate(slot, 100);
  CHECK(slot.place != 0 && slot.usable == 100);
  auto* bytes = reinterpret_cast<std::byte*>(slot.place);
  std::fill_n(bytes, 100, std::byte{7});
  target.resize(slot, 100'000);
  CHECK(slot.place != 0 && slot.usable == 100'000);
  bytes = reinterpret_cast<std::byte*>(slot.place);
  CHECK(std::all_of(bytes, bytes + 100, [](std::byte each) { return each == std::byte{7}; }));
  target.resize(slot, 0);  // which would free the block, were it asked as it is
  CHECK(slot.place != 0);
  target.release(slot);
  CHECK(slot.place == 0);
  CHECK(!MallocTarget::library().empty());
}

TEST("a heap that refuses leaves a slot without a place, or as it was") {
  HeapTarget target({.capacity = 4096});
  Slot small;
  target.allocate(small, 1000);
  CHECK(small.place != 0);
  const Slot before = small;
  Slot large;
  target.allocate(large, 8000);
  CHECK(large.place == 0);
  target.resize(small, 8000);
  CHECK(small.place == before.place && small.usable == before.usable);
  target.release(small);
  CHECK(small.place == 0);
  target.make_one_hole();
  target.check();
  target.allocate(large, 4000);  // one hole again
  CHECK(large.place != 0);
  target.release(large);
}
