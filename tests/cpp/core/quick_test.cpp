#include "core/heap/heap.hpp"
#include "cpp/core/model.hpp"
#include "cpp/core/owned.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

TEST("the quick ways serve a block of a size that was given back, and count it") {
  Owned heap({.capacity = 1 << 20});
  Handle handle;
  CHECK(!heap->alloc_quickly(handle, 100, 8));
  heap->alloc(handle, 100, 8);
  const Offset payload = handle.payload;
  CHECK(heap->free_quickly(handle));
  CHECK(!handle.payload && heap->bound_blocks() == 0);
  CHECK(!heap->alloc_quickly(handle, 90, 8));
  CHECK(!heap->alloc_quickly(handle, ~std::uint64_t{0}, 8));
  CHECK(heap->alloc_quickly(handle, 97, 8));
  CHECK(handle.payload == payload && handle.bytes == 97 && handle.usable == 104);
  const Heap::Report report = heap->measure([](const Handle&) {});
  CHECK(report.counters.allocations == 2 && report.counters.live.bytes == 104);
  CHECK(report.counters.deferred.blocks == 0);
  heap->check();
  heap->free(handle);
}

TEST("nothing is done quickly when anything is unusual") {
  const auto is_quick = [](const Heap::Options& options, auto&& change) {
    Owned heap(options);
    Handle old;
    Handle other;
    heap->alloc(old, 100, 8);
    heap->alloc(other, 100, 8);
    heap->free(other);
    change(*heap, old);
    const bool quick = heap->alloc_quickly(other, 100, 8);
    if (quick) heap->free(other);
    heap->free(old);
    return quick;
  };
  const Heap::Options usual{.capacity = 1 << 20};
  const auto nothing = [](Heap&, const Handle&) {};
  CHECK(is_quick(usual, nothing));
  CHECK(!is_quick({.capacity = 1 << 20, .coalesce = Coalesce::immediate}, nothing));
  CHECK(!is_quick({.capacity = 1 << 20, .debug = true}, nothing));
  CHECK(!is_quick(usual, [](Heap& heap, const Handle&) { heap.close(); }));
  const Unchecked unchecked;
  // The word of the deferred block, which stands right behind the live one.
  CHECK(!is_quick(usual, [](Heap& heap, const Handle& handle) {
    *heap.address(handle) = std::byte{1};
    heap.address(handle)[handle.usable] ^= std::byte{8};
  }));
}
