#include <string>

#include "core/heap/heap.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

/// Numbers blocks and keeps a line for each call.
struct Log final : Observer {
  std::string lines;
  std::uint64_t born = 0;

  void allocated(Handle& handle) noexcept override {
    handle.seen_as = ++born;
    lines += std::string("a") + std::to_string(born) + ":" + std::to_string(handle.bytes) + " ";
  }
  void resized(Handle& handle, std::uint64_t bytes) noexcept override {
    lines += std::string("r") + std::to_string(handle.seen_as) + ":" + std::to_string(bytes) + ">" +
             std::to_string(handle.bytes) + " ";
  }
  void released(Handle& handle) noexcept override {
    lines += std::string("f") + std::to_string(handle.seen_as) + " ";
    handle.seen_as = 0;
  }
  void compacted(const CompactionBounds& bounds,
                 const CompactionFigures& figures) noexcept override {
    lines += "c" + (bounds.are_none() ? "" : std::to_string(bounds.bytes)) + ":" +
             std::to_string(figures.moved.bytes) + " ";
  }
  void forked() noexcept override { lines += "forked "; }
};

}  // namespace

TEST("an observer sees what happens to blocks, and numbers are gone after it") {
  Heap* heap = Heap::open({1 << 20});
  Handle old;
  Handle one;
  Handle two;
  heap->alloc(old, 1, 8);
  Log log;
  CHECK(heap->observe(log));
  CHECK(heap->observer() == &log);
  heap->alloc(one, 10, 8);
  heap->alloc(two, 20, 8);
  heap->resize(one, 3000);
  CHECK_THROWS<Exhausted>([&] { heap->resize(one, 1 << 21); });
  heap->free(old);
  heap->free(two);
  CHECK(log.lines == "a1:10 a2:20 r1:10>3000 f0 f2 ");
  CHECK(one.seen_as == 1);
  heap->end_observation(log);
  CHECK(heap->observer() == nullptr);
  CHECK(one.seen_as == 0);
  heap->free(one);
  CHECK(log.lines == "a1:10 a2:20 r1:10>3000 f0 f2 ");
  heap->disown();
}

TEST("an observer sees what a caller compacts, and not what a heap moves by itself") {
  struct Movers final : Owners {
    bool may_move(const Handle&) noexcept override { return true; }
    void moved(Handle&, Offset) noexcept override {}
  } movers;
  Heap* heap = Heap::open({.capacity = 512, .owners = &movers, .auto_compact = true});
  Handle blocks[8];
  for (Handle& block : blocks) heap->alloc(block, 56, 8);
  for (int at = 0; at < 8; at += 2) heap->free(blocks[at]);
  Log log;
  CHECK(heap->observe(log));
  heap->compact({.bytes = 100}, movers);
  heap->compact({}, movers);
  heap->compact({}, movers);
  heap->free(blocks[3]);
  heap->alloc(blocks[0], 300, 8);
  CHECK(log.lines == "c100:64 c:192 c:0 f0 a1:300 ");
  for (const int at : {0, 1, 5, 7}) heap->free(blocks[at]);
  heap->end_observation(log);
  heap->disown();
}

TEST("one observer at a time, none on a closed heap") {
  Heap* heap = Heap::open({1 << 20});
  Log log;
  Log other;
  CHECK(heap->observe(log));
  CHECK(!heap->observe(other));
  heap->end_observation(other);
  CHECK(heap->observer() == &log);
  Handle handle;
  heap->alloc(handle, 1, 8);
  heap->close();
  heap->free(handle);
  CHECK(log.lines == "a1:1 f1 ");
  heap->end_observation(log);
  CHECK_THROWS<Closed>([&] { heap->observe(other); });
  heap->disown();
}

TEST("nobody observes a forked child's copy") {
  Heap* heap = Heap::open({1 << 20});
  Log log;
  CHECK(heap->observe(log));
  Handle handle;
  heap->alloc(handle, 1, 8);
  in_child(60, [&] {
    CHECK(log.lines == "a1:1 forked ");
    CHECK(heap->observer() == nullptr);
    CHECK(handle.seen_as == 0);
    heap->free(handle);
    CHECK(log.lines == "a1:1 forked ");
  });
  heap->free(handle);
  CHECK(log.lines == "a1:1 f1 ");
  heap->end_observation(log);
  heap->disown();
}
