#include "core/heap/heap.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <vector>

#include "core/system/memory.hpp"
#include "cpp/core/model.hpp"
#include "cpp/core/owned.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

Heap::Report report_of(Heap& heap) {
  return heap.walk([](const Heap::Seen&) {});
}

bool is_mapped(std::byte* address) {
  unsigned char resident = 0;
  void* page = reinterpret_cast<void*>(
      align_down(reinterpret_cast<std::uintptr_t>(address), system::page_bytes()));
  return mincore(page, 1, &resident) == 0;
}

std::uint64_t accounted(const Heap::Report& report) {
  const Counters& counters = report.counters;
  return counters.live.bytes + counters.deferred.bytes + counters.free.bytes + report.overhead +
         report.wilderness;
}

void alloc_and_free_every_third(Heap& heap, std::vector<Handle>& handles) {
  for (std::size_t each = 0; each < handles.size(); ++each) heap.alloc(handles[each], each * 7, 8);
  for (std::size_t each = 0; each < handles.size(); each += 3) heap.free(handles[each]);
}

/// One thread's share of a heap: blocks that nobody else writes to.
class Worker {
 public:
  Worker(Heap& heap, std::uint64_t seed) : heap_(heap), random_(seed) {}
  ~Worker() { free_all(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void step() {
    Handle& handle = handles_[random_.below(handles_.size())];
    if (!handle.payload) {
      try {
        heap_.alloc(handle, random_.size(11), random_.align(9));
        fill(heap_.address(handle), handle.bytes, seed_of(handle));
      } catch (const Exhausted&) {
      }
    } else if (random_.one_in(3)) {
      const std::uint64_t before = handle.bytes;
      try {
        heap_.resize(handle, random_.size(11));
        CHECK(filled(heap_.address(handle), std::min(before, handle.bytes), seed_of(handle)));
        fill(heap_.address(handle), handle.bytes, seed_of(handle));
      } catch (const Exhausted&) {
      }
    } else {
      free(handle);
    }
    if (random_.one_in(500)) look_around();
  }
  void free_all() {
    for (Handle& handle : handles_) {
      if (handle.payload) free(handle);
    }
  }

 private:
  static std::uint64_t seed_of(const Handle& handle) {
    return reinterpret_cast<std::uintptr_t>(&handle) / sizeof(Handle);
  }
  void free(Handle& handle) {
    CHECK(filled(heap_.address(handle), handle.bytes, seed_of(handle)));
    heap_.free(handle);
    CHECK(!handle.payload);
  }
  void look_around() {
    switch (random_.below(4)) {
      case 0:
        heap_.defrag();
        break;
      case 1:
        heap_.trim();
        break;
      case 2: {
        const Heap::Report report = report_of(heap_);
        CHECK(accounted(report) == report.capacity);
        break;
      }
      default:
        heap_.walk([](const Heap::Seen& seen) {
          CHECK((seen.handle != nullptr) == (seen.state == State::live));
        });
    }
  }

  Heap& heap_;
  Random random_;
  std::array<Handle, 32> handles_;
};

}  // namespace

TEST("a handle is bound to its block, through a resize, until it is freed") {
  const Owned heap({.capacity = 1 << 20});
  Handle handle;
  CHECK(heap->alloc(handle, 100, 64) == 0);
  CHECK(handle.bytes == 100 && handle.usable == 104 && handle.align == 64);
  CHECK(reinterpret_cast<std::uintptr_t>(heap->address(handle)) % 64 == 0);
  Handle wall;
  heap->alloc(wall, 8, 8);
  heap->resize(handle, 1000);
  CHECK(handle.bytes == 1000 && handle.payload > wall.payload && handle.payload.value % 64 == 0);
  heap->check();
  heap->free(handle);
  CHECK(!handle.payload);
  CHECK(heap->alloc(handle, 1000, 8) == 1000);
  heap->free(handle);
  heap->free(wall);
  heap->check();
}

TEST("a walk meets each block in address order, live ones with their handles") {
  for (const bool debug : {false, true}) {
    const Owned heap({.capacity = 1 << 20, .debug = debug});
    std::vector<Handle> handles(200);
    alloc_and_free_every_third(*heap, handles);
    std::size_t live = 0;
    Offset last{};
    heap->walk([&](const Heap::Seen& seen) {
      CHECK(seen.payload > last);
      last = seen.payload;
      CHECK((seen.state == State::live) == (seen.handle != nullptr));
      if (seen.handle == nullptr) return;
      ++live;
      CHECK(seen.handle->payload == seen.payload && seen.handle->usable == seen.usable);
    });
    std::size_t counted = 0;
    heap->for_each_handle([&](Handle&) { ++counted; });
    CHECK(live == counted && live == report_of(*heap).counters.live.blocks);
    for (Handle& handle : handles) {
      if (handle.payload) heap->free(handle);
    }
  }
}

TEST("measuring finds what a walk finds, and meets every live handle once") {
  for (const bool debug : {false, true}) {
    const Owned heap({.capacity = 1 << 20, .debug = debug});
    std::vector<Handle> handles(200);
    alloc_and_free_every_third(*heap, handles);
    std::vector<Handle*> met;
    const Heap::Report measured = heap->measure([&](Handle& handle) { met.push_back(&handle); });
    std::vector<Handle*> live;
    for (Handle& handle : handles) {
      if (handle.payload) live.push_back(&handle);
    }
    std::sort(met.begin(), met.end());
    CHECK(met == live);
    const Heap::Report walked = report_of(*heap);
    CHECK(measured.counters.live.bytes == walked.counters.live.bytes);
    CHECK(measured.counters.deferred.blocks == walked.counters.deferred.blocks);
    CHECK(measured.overhead == walked.overhead && measured.wilderness == walked.wilderness);
    CHECK(measured.space.now().largest_request(8) == walked.space.now().largest_request(8));
    CHECK(measured.space.merged().fragmentation() == walked.space.merged().fragmentation());
    CHECK(accounted(measured) == measured.capacity);
    for (Handle* handle : live) heap->free(*handle);
  }
}

TEST("a report accounts for every byte") {
  for (const bool debug : {false, true}) {
    const Owned heap({.capacity = 1 << 20, .debug = debug});
    Worker worker(*heap, 1);
    for (int step = 0; step < 500; ++step) {
      worker.step();
      const Heap::Report report = report_of(*heap);
      CHECK(accounted(report) == report.capacity && report.capacity == 1 << 20);
    }
  }
}

TEST("a heap that was prefaulted is in memory") {
  const Owned heap({.capacity = 4 << 20, .prefault = true});
  CHECK(report_of(*heap).resident >= 4 << 20);
}

TEST("a refused resize leaves the handle as it was") {
  const Owned heap({.capacity = 4096});
  Handle handle;
  heap->alloc(handle, 1000, 8);
  const Offset payload = handle.payload;
  CHECK_THROWS<Exhausted>([&] { heap->resize(handle, 1 << 20); });
  CHECK(handle.payload == payload && handle.bytes == 1000);
  heap->check();
  heap->free(handle);
}

TEST("the memory of a closed heap stays until its last block goes") {
  Heap* heap = Heap::open({.capacity = 1 << 20});
  Handle first;
  Handle second;
  heap->alloc(first, 100, 8);
  heap->alloc(second, 100, 8);
  std::byte* memory = heap->address(second);
  *memory = std::byte{42};
  heap->close();
  CHECK(heap->closed());
  Handle third;
  CHECK_THROWS<Closed>([&] { heap->alloc(third, 8, 8); });
  CHECK_THROWS<Closed>([&] { heap->resize(first, 8); });
  CHECK_THROWS<Closed>([&] { heap->check(); });
  CHECK_THROWS<Closed>([&] { static_cast<void>(report_of(*heap)); });
  heap->free(first);
  CHECK(is_mapped(memory) && *memory == std::byte{42});
  heap->free(second);
  CHECK(!is_mapped(memory));
  heap->close();
  heap->disown();
}

TEST("owner and blocks may let go in any order") {
  for (const bool close : {false, true}) {
    for (const bool owner_first : {false, true}) {
      Heap* heap = Heap::open({.capacity = 1 << 20});
      Handle handle;
      heap->alloc(handle, 100, 8);
      std::byte* memory = heap->address(handle);
      if (close) heap->close();
      if (owner_first) {
        heap->disown();
        *memory = std::byte{42};
        heap->free(handle);
      } else {
        heap->free(handle);
        CHECK(is_mapped(memory) == !close);
        heap->disown();
      }
      CHECK(!is_mapped(memory));
    }
  }
}

// The block is free by then, so its owner has nothing to be told.
TEST("what the work behind a free finds is told by the next call") {
  Heap* heap = Heap::open({.capacity = 1 << 20});
  std::vector<Handle> handles(20);
  for (Handle& handle : handles) heap->alloc(handle, 64, 8);
  Handle last;
  std::byte* const word = heap->address(handles[1]) - word_bytes;
  for (std::size_t each = 1; each < handles.size(); each += 2) heap->free(handles[each]);
  heap->alloc(last, 4096, 8);  // the heap grows, and owes the merging of two blocks
  fill(word, word_bytes, 1);
  heap->verify(handles[10]);
  heap->free(handles[10]);
  CHECK_THROWS<Damage>([&] { heap->alloc(handles[1], 8, 8); });
  heap->disown();
  for (std::size_t each = 0; each < handles.size(); each += 2) {
    if (each != 10) heap->free(handles[each]);
  }
  heap->free(last);
}

TEST("a heap known to be damaged does no more work, and lets its blocks go") {
  Heap* heap = Heap::open({.capacity = 1 << 20});
  Handle first;
  Handle second;
  Handle third;
  heap->alloc(first, 16, 8);
  heap->alloc(second, 16, 8);
  fill(heap->address(first), 32, 1);
  CHECK_THROWS<Damage>([&] { heap->free(second); });
  CHECK(!second.payload);
  CHECK_THROWS<Damage>([&] { heap->alloc(third, 8, 8); });
  CHECK_THROWS<Damage>([&] { static_cast<void>(report_of(*heap)); });
  std::byte* memory = heap->address(first);
  std::size_t counted = 0;
  heap->for_each_handle([&](Handle&) { ++counted; });
  CHECK(counted == 1);
  heap->disown();
  heap->free(first);
  CHECK(!is_mapped(memory));
}

TEST("eight threads share a heap") {
  for (const bool debug : {false, true}) {
    const Owned heap({.capacity = 256 << 10, .debug = debug});
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    in_threads(8, [&](unsigned number) {
      Worker worker(*heap, number);
      while (std::chrono::steady_clock::now() < end) worker.step();
    });
    heap->check();
    CHECK(report_of(*heap).counters.live.blocks == 0);
  }
}

TEST("callers who take turns share a heap with who checks it at any time") {
  const Owned heap({.capacity = 256 << 10, .callers_take_turns = true});
  std::mutex turn;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  in_threads(6, [&](unsigned number) {
    Worker worker(*heap, number);
    while (std::chrono::steady_clock::now() < end) {
      if (number % 2 == 0) {
        const std::lock_guard<std::mutex> guard(turn);
        for (int step = 0; step < 10; ++step) worker.step();
      } else {
        heap->check();
        heap->defrag();
      }
    }
    const std::lock_guard<std::mutex> guard(turn);
    worker.free_all();
  });
  heap->check();
  CHECK(report_of(*heap).counters.live.blocks == 0);
}

TEST("a child forked while others take turns has a whole heap") {
  if (!can_fork_beside_threads) return;
  const Owned heap({.capacity = 256 << 10, .callers_take_turns = true});
  std::mutex turn;
  std::atomic<bool> done{false};
  in_threads(3, [&](unsigned number) {
    Worker worker(*heap, number);
    while (number > 0 && !done) {
      const std::lock_guard<std::mutex> guard(turn);
      for (int step = 0; step < 10; ++step) worker.step();
    }
    if (number > 0) {
      const std::lock_guard<std::mutex> guard(turn);
      return worker.free_all();
    }
    const std::string failure = failure_of([&] {
      for (int round = 0; round < 30; ++round) {
        in_child(20, [&] {  // where there is one thread, whose turn it is
          heap->check();
          for (int step = 0; step < 100; ++step) worker.step();
          heap->check();
        });
      }
    });
    done = true;
    if (!failure.empty()) throw Failure{failure};
  });
  heap->check();
}

TEST("a child forked while others work has a whole heap") {
  if (!can_fork_beside_threads) return;
  const Owned heap({.capacity = 256 << 10});
  const Owned other({.capacity = 64 << 10});
  std::atomic<bool> done{false};
  in_threads(4, [&](unsigned number) {
    Worker worker(*heap, number);
    if (number > 0) {
      while (!done) worker.step();
      return;
    }
    const std::string failure = failure_of([&] {
      for (int round = 0; round < 15; ++round) {
        for (int step = 0; step < 20; ++step) worker.step();
        in_child(60, [&] {
          heap->check();
          other->check();
          for (int step = 0; step < 100; ++step) worker.step();
          worker.free_all();
          heap->defrag();
          heap->check();
        });
      }
    });
    done = true;  // in any case, or the others never end
    if (!failure.empty()) throw Failure{failure};
  });
  heap->check();
}

TEST("heaps come and go while another thread forks") {
  if (!can_fork_beside_threads) return;
  std::atomic<bool> done{false};
  in_threads(3, [&](unsigned number) {
    while (number > 0 && !done) {
      const Owned heap({.capacity = 64 << 10});
      Handle handle;
      heap->alloc(handle, 100, 8);
      heap->free(handle);
    }
    if (number > 0) return;
    const std::string failure = failure_of([] {
      for (int round = 0; round < 30; ++round) {
        in_child(20, [] {
          const Owned heap({.capacity = 64 << 10});
          heap->check();
        });
      }
    });
    done = true;
    if (!failure.empty()) throw Failure{failure};
  });
}
