#include "core/allocator/allocator.hpp"
#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

Allocator make(std::uint64_t capacity, Coalesce coalesce = Coalesce::deferred,
               bool fenced = false) {
  return Allocator({.capacity = capacity, .coalesce = coalesce, .fenced = fenced});
}

}  // namespace

TEST("the last block grows and shrinks in place") {
  Allocator allocator = make(1 << 20);
  Model model(allocator, 1);
  const Offset block = model.allocate(100, 64);
  for (const std::uint64_t bytes : {104UL, 105UL, 112UL, 5000UL, 500'000UL, 5000UL, 50UL, 0UL}) {
    CHECK(model.resize(block, bytes) == block);
  }
}

TEST("a block grows in place into the hole behind it, to the byte") {
  for (const bool fenced : {false, true}) {
    Allocator allocator = make(1 << 20, Coalesce::deferred, fenced);
    Model model(allocator, 1);
    const Offset block = model.allocate(100, 8);
    const Offset hole = model.allocate(1000, 8);
    model.allocate(8, 8);
    const std::uint64_t whole = model.blocks().at(block).usable + word_bytes +
                                (fenced ? fence::fence_bytes : 0) + model.blocks().at(hole).usable;
    model.release(hole);
    allocator.defrag();
    CHECK(model.resize(block, whole) == block);
    CHECK(model.blocks().at(block).usable == whole);
    CHECK(model.resize(block, whole + 1) != block);
  }
}

TEST("a block that has no room moves, keeps its alignment and its contents") {
  for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
    for (std::uint64_t align = 8; align <= largest_align; align *= 2) {
      Allocator allocator = make(32 << 20, coalesce);
      Model model(allocator, align);  // verifies alignment and contents
      const Offset block = model.allocate(100, align);
      const Offset wall = model.allocate(8, align);
      CHECK(wall > block);
      const Offset moved = model.resize(block, 2 * align + 10'000);
      CHECK(moved && moved != block);
      CHECK(model.resize(moved, 10) == moved);
      model.verify();
    }
  }
}

TEST("what a block shrinks by can be had again") {
  for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
    Allocator allocator = make(4096, coalesce);
    Model model(allocator, 1);
    const Offset block = model.allocate(4096 - word_bytes, 8);
    CHECK(!model.allocate(0, 8));
    CHECK(model.resize(block, 1000) == block);
    CHECK(model.allocate(4096 - 1008 - word_bytes, 8));
  }
}

TEST("a block shrinks by less than a block without changing") {
  Allocator allocator = make(1 << 20);
  Model model(allocator, 1);
  const Offset block = model.allocate(100, 8);
  model.allocate(8, 8);
  for (std::uint64_t bytes = 100; bytes > 80; --bytes) {
    CHECK(model.resize(block, bytes) == block);
    CHECK(model.blocks().at(block).usable == 104);
  }
  CHECK(model.resize(block, 80) == block && model.blocks().at(block).usable == 80);
}

TEST("a resize that is refused changes nothing") {
  Allocator allocator = make(4096);
  Model model(allocator, 1);
  const Offset block = model.allocate(1000, 8);
  model.allocate(1000, 8);
  CHECK(!model.resize(block, 3000));
  model.verify();
}

// The neighbour is given back, but still waits to be merged when `resize` looks at it; once it
// would be refused otherwise, everything is merged and the room is there, in place.
TEST("a full heap merges before it refuses to let a block grow in place") {
  for (const bool last : {false, true}) {
    Allocator allocator = make(4096);
    Model model(allocator, 1);
    const Offset block = model.allocate(1000, 8);
    const Offset neighbour = model.allocate(1000, 8);
    if (!last) model.allocate(4096 - 3 * word_bytes - 2000, 8);
    model.release(neighbour);
    CHECK(model.resize(block, last ? 4096 - word_bytes : 2000 + word_bytes) == block);
  }
}
