#include "core/allocator/allocator.hpp"

#include <limits>
#include <vector>

#include "core/allocator/check.hpp"
#include "core/region/poison.hpp"
#include "core/system/memory.hpp"
#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

struct Kind {
  Coalesce coalesce;
  bool fenced;
  Policy policy = Policy::segregated;
};
constexpr Kind kinds[] = {{Coalesce::deferred, false},
                          {Coalesce::deferred, true},
                          {Coalesce::immediate, false},
                          {Coalesce::immediate, true},
                          {Coalesce::deferred, false, Policy::first},
                          {Coalesce::immediate, true, Policy::next},
                          {Coalesce::deferred, false, Policy::best},
                          {Coalesce::immediate, false, Policy::worst}};

Allocator make(std::uint64_t capacity, Kind kind = kinds[0]) {
  return Allocator({.capacity = capacity,
                    .coalesce = kind.coalesce,
                    .policy = kind.policy,
                    .fenced = kind.fenced});
}

template <typename Visit>
void for_each_kind(std::uint64_t capacity, Visit&& visit) {
  for (const Kind kind : kinds) {
    Allocator allocator = make(capacity, kind);
    visit(allocator);
    check_invariants(allocator);
  }
}

void work_at_random(std::uint64_t capacity, int steps, Model::Limits limits) {
  for_each_kind(capacity, [&](Allocator& allocator) {
    Model model(allocator, 1);
    for (int step = 0; step < steps; ++step) model.step(limits);
    model.verify();
    model.release_all();
    allocator.defrag();
    CHECK(allocator.blocks().wilderness() == first_block);
  });
}

}  // namespace

TEST("every size has room for itself, nothing included") {
  for_each_kind(16 << 20, [](Allocator& allocator) {
    Model model(allocator, 1);
    for (std::uint64_t bytes = 0; bytes < 600; ++bytes) CHECK(model.allocate(bytes, 8));
    for (std::uint64_t bytes = 1024; bytes <= 1 << 20; bytes *= 2) {
      CHECK(model.allocate(bytes - 1, 8) && model.allocate(bytes, 8) &&
            model.allocate(bytes + 1, 8));
    }
    model.verify();
  });
}

TEST("every alignment from 8 bytes to 2 MiB") {
  for_each_kind(64 << 20, [](Allocator& allocator) {
    Model model(allocator, 1);
    for (std::uint64_t align = 8; align <= largest_align; align *= 2) {
      for (const std::uint64_t bytes : {0UL, 1UL, 100UL, 5000UL, 70'000UL}) {
        const Offset payload = model.allocate(bytes, align);
        CHECK(payload);
        const auto address = reinterpret_cast<std::uintptr_t>(allocator.region().address(payload));
        CHECK(address % align == 0);
        if (bytes == 100) model.release(payload);
      }
    }
    model.verify();
  });
}

TEST("random work in a heap that is always full agrees with a plain model") {
  work_at_random(24 << 10, 12'000, {.size_bits = 11, .align_bits = 9});
}

TEST("random work in a roomy heap agrees with a plain model") {
  work_at_random(4 << 20, 4'000, {.size_bits = 15, .align_bits = 12});
}

TEST("random work with large alignments agrees with a plain model") {
  work_at_random(24 << 20, 1'000, {.size_bits = 17, .align_bits = 21});
}

TEST("a request that fits to the byte is served from an untouched heap") {
  for (std::uint64_t capacity = smallest_block; capacity < 5000; capacity += 8) {
    Allocator allocator = make(capacity);
    const Allocation all = allocator.allocate(capacity - word_bytes, 8);
    CHECK(all.usable == capacity - word_bytes);
    CHECK_THROWS<Exhausted>([&] { allocator.allocate(0, 8); });
    allocator.release(all.payload, all.usable);
    CHECK(allocator.allocate(capacity - word_bytes, 8).usable == all.usable);
  }
}

// The hole is alone in its list with smaller sizes, so rounding up to the next list overlooks it.
TEST("a request that fits a hole to the byte is served although lists round up") {
  for_each_kind(64 << 10, [](Allocator& allocator) {
    const std::uint64_t fence = allocator.fenced() ? fence::fence_bytes : 0;
    for (std::uint64_t size = smallest_block + fence; size < 20'000; size += size / 64 * 8 + 8) {
      const std::uint64_t bytes = size - word_bytes - fence;
      const Allocation hole = allocator.allocate(bytes, 8);
      const Allocation behind = allocator.allocate(0, 8);
      const std::uint64_t left =
          allocator.region().end() - allocator.blocks().wilderness() - word_bytes - fence;
      const Allocation rest = allocator.allocate(left, 8);
      allocator.release(hole.payload, hole.usable);
      allocator.defrag();
      CHECK_THROWS<Exhausted>([&] { allocator.allocate(bytes + 1, 8); });
      const Allocation again = allocator.allocate(bytes, 8);
      CHECK(again.payload == hole.payload && again.usable == hole.usable);
      for (const Allocation& block : {again, behind, rest}) {
        allocator.release(block.payload, block.usable);
      }
      allocator.defrag();
    }
  });
}

TEST("an aligned request is served if any place fits it, and refused only then") {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    Allocator allocator = make(8 << 10);
    Model model(allocator, random.next());  // verifies each refusal by looking at each place
    std::vector<Offset> blocks;
    while (const Offset block = model.allocate(random.size(10), 8)) blocks.push_back(block);
    for (const Offset block : blocks) {
      if (random.one_in(2)) model.release(block);
    }
    for (int request = 0; request < 20; ++request) {
      model.allocate(random.size(10), random.align(12));
    }
  }
}

TEST("sizes near 2^64 are refused, not wrapped") {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  for_each_kind(1 << 20, [](Allocator& allocator) {
    const Allocation block = allocator.allocate(100, 8);
    for (const std::uint64_t bytes :
         {most, most - 1, most - 7, most - 8, most - 16, most - 31, most / 2, most / 2 + 1,
          capacity_limit, capacity_limit * 2, allocator.region().capacity(),
          allocator.region().capacity() + 1}) {
      for (const std::uint64_t align : {std::uint64_t{8}, std::uint64_t{4096}, largest_align}) {
        const Exhausted refused =
            CHECK_THROWS<Exhausted>([&] { allocator.allocate(bytes, align); });
        CHECK(refused.requested == bytes && refused.capacity == 1 << 20);
        CHECK_THROWS<Exhausted>(
            [&] { allocator.resize(block.payload, block.usable, 100, bytes, align); });
      }
    }
    static_cast<void>(allocator.verify_live(block.payload, block.usable));
  });
}

#ifndef RHEAP_ASAN  // whose shadow of a TiB is an eighth of a TiB
TEST("a heap of 1 TiB gives it away in one block") {
  Allocator allocator = make(capacity_limit);
  const Allocation all = allocator.allocate(capacity_limit - word_bytes, 8);
  CHECK(all.usable == capacity_limit - word_bytes && all.dirty == 0);
  *allocator.region().address(all.payload + (all.usable - 1)) = std::byte{1};
  CHECK_THROWS<Exhausted>([&] { allocator.allocate(0, 8); });
  allocator.release(all.payload, all.usable);
  CHECK(allocator.blocks().wilderness() == first_block);
}
#endif

TEST("a refusal tells what there is") {
  Allocator allocator = make(1000);
  const Allocation first = allocator.allocate(200, 8);
  const Allocation second = allocator.allocate(100, 8);
  allocator.release(first.payload, first.usable);
  const Exhausted refused = CHECK_THROWS<Exhausted>([&] { allocator.allocate(900, 8); });
  CHECK(second.usable == 104);  // padded to 8 bytes
  CHECK(refused.requested == 900 && refused.capacity == 1000);
  CHECK(refused.largest == 1000 - (200 + word_bytes) - (104 + word_bytes) - word_bytes);
  CHECK(refused.free == 200 + refused.largest);
  CHECK(allocator.allocate(refused.largest, 8).usable == refused.largest);
}

TEST("defrag counts its merges: two for three neighbours, three with the wilderness") {
  Allocator allocator = make(1 << 20);
  for (const bool live_one_behind : {true, false}) {
    std::vector<Allocation> blocks;
    for (int count = 0; count < 4; ++count) blocks.push_back(allocator.allocate(100, 8));
    if (!live_one_behind) {
      allocator.release(blocks[3].payload, blocks[3].usable);
      CHECK(allocator.defrag() == 1);
    }
    for (std::size_t each = 0; each < 3; ++each) {
      allocator.release(blocks[each].payload, blocks[each].usable);
    }
    CHECK(allocator.defrag() == (live_one_behind ? 2 : 3));
    CHECK(allocator.defrag() == 0);
    if (live_one_behind) {
      CHECK(allocator.counters().free.blocks == 1);
      allocator.release(blocks[3].payload, blocks[3].usable);
      CHECK(allocator.defrag() == 0);  // behind a hole it was merged at once
    }
    CHECK(allocator.blocks().wilderness() == first_block);
  }
}

TEST("after defrag no two neighbours are without an owner") {
  Allocator allocator = make(256 << 10);
  Model model(allocator, 1);
  for (int round = 0; round < 50; ++round) {
    for (int step = 0; step < 50; ++step) model.step({.size_bits = 12});
    allocator.defrag();
    bool after_hole = false;
    allocator.blocks().walk([&](Offset, Word word) {
      const bool hole = word.state() != State::live;
      CHECK(!(hole && after_hole));
      after_hole = hole;
    });
    CHECK(!after_hole && allocator.counters().deferred.blocks == 0);
  }
}

TEST("a heap that merges at once defers nothing") {
  Allocator allocator = make(256 << 10, {Coalesce::immediate, false});
  Model model(allocator, 1);
  for (int step = 0; step < 2000; ++step) {
    model.step();
    CHECK(allocator.counters().deferred.blocks == 0);
  }
  CHECK(allocator.defrag() == 0);
}

TEST("large blocks and those behind a hole are merged at once") {
  Allocator allocator = make(1 << 20);
  const Allocation large = allocator.allocate(quick_limit, 8);
  const Allocation behind = allocator.allocate(56, 8);
  const Allocation small = allocator.allocate(56, 8);
  const Allocation last = allocator.allocate(56, 8);
  allocator.release(large.payload, large.usable);
  CHECK(allocator.counters().free.blocks == 1 && allocator.counters().deferred.blocks == 0);
  allocator.release(behind.payload, behind.usable);
  CHECK(allocator.counters().free.blocks == 1 && allocator.counters().deferred.blocks == 0);
  allocator.release(last.payload, last.usable);
  CHECK(allocator.counters().deferred.blocks == 1);
  allocator.release(small.payload, small.usable);
  CHECK(allocator.counters().free.blocks == 1 && allocator.counters().deferred.blocks == 1);
  CHECK(allocator.defrag() == 2);
}

TEST("trim gives pages back, and the rest is as it was") {
  for_each_kind(32 << 20, [](Allocator& allocator) {
    Model model(allocator, 1);
    const Offset hole = model.allocate(8 << 20, 8);
    model.allocate(1000, 8);
    const Offset last = model.allocate(8 << 20, 8);
    const std::uint64_t full = allocator.region().resident();
    CHECK(full >= 16 << 20);
    model.release(hole);
    const std::uint64_t inside = allocator.trim();
    CHECK(inside >= (8 << 20) - 8192);
    CHECK(allocator.region().resident() <= full - inside);
    model.release(last);
    CHECK(allocator.trim() >= (8 << 20) - 8192);
    CHECK(allocator.region().resident() < 1 << 20);
    CHECK(allocator.trim() == 0);
    model.verify();
  });
}

TEST("what trim gave back is fresh again: bytes beyond `dirty` are zero") {
  Allocator allocator = make(4 << 20);
  const std::uint64_t page = system::page_bytes();
  for (const std::uint64_t bytes : {0UL, 1UL, page - 8, page, page + 1, 1UL << 20, 3UL << 20}) {
    Model model(allocator, bytes);  // which looks at each byte beyond `dirty`
    CHECK(model.allocate(3 << 20, 8));
    model.release_all();
    allocator.trim();
    const Allocation block = allocator.allocate(bytes, 8);
    CHECK(block.dirty <= page);
    CHECK(model.allocate(900 << 10, 8));
    model.release_all();
    allocator.release(block.payload, block.usable);
    allocator.defrag();
  }
}

TEST("memory that was used before is called dirty") {
  Allocator allocator = make(1 << 20);
  const Allocation block = allocator.allocate(1000, 8);
  CHECK(block.dirty == 0);
  allocator.release(block.payload, block.usable);
  CHECK(allocator.allocate(1000, 8).dirty == 1000);
  CHECK(allocator.allocate(1000, 8).dirty == 0);
  allocator.release(block.payload, block.usable);
  allocator.defrag();
  CHECK(allocator.allocate(990, 8).dirty == 990);
}

TEST("a block is taken back once, and only as it was given") {
  for_each_kind(1 << 20, [](Allocator& allocator) {
    const Allocation block = allocator.allocate(100, 8);
    const Allocation other = allocator.allocate(100, 8);
    allocator.allocate(100, 8);
    CHECK_THROWS<Damage>([&] { allocator.release(block.payload, block.usable + 8); });
    CHECK_THROWS<Damage>([&] { allocator.release(block.payload + 8, block.usable); });
    CHECK_THROWS<Damage>([&] { allocator.resize(block.payload, 8, 8, 100, 8); });
    check_invariants(allocator);
    allocator.release(other.payload, other.usable);
    CHECK_THROWS<Damage>([&] { allocator.release(other.payload, other.usable); });
  });
}

TEST("a double free is Damage, whatever the first free did with the block") {
  for (const Kind kind : kinds) {
    for (const bool hole_before : {false, true}) {
      for (const bool live_behind : {false, true}) {
        in_child(10, [&] {
          Allocator allocator = make(1 << 20, kind);
          const Allocation before = allocator.allocate(100, 8);
          const Allocation block = allocator.allocate(100, 8);
          if (live_behind) allocator.allocate(100, 8);
          if (hole_before) allocator.release(before.payload, before.usable);
          allocator.release(block.payload, block.usable);
          allocator.defrag();
          CHECK_THROWS<Damage>([&] { allocator.release(block.payload, block.usable); });
        });
      }
    }
  }
}

TEST("a place where no block ever was is Damage to free") {
  for (const std::uint64_t place : {first_block.value + 1000, std::uint64_t{2} << 20,
                                    std::uint64_t{1} << 40, ~std::uint64_t{7}}) {
    in_child(10, [&] {
      Allocator allocator = make(1 << 20);
      allocator.allocate(100, 8);
      CHECK_THROWS<Damage>([&] { allocator.release({place}, 104); });
    });
  }
}

TEST("an overrun of a fenced block is found when it is freed") {
  for (std::uint64_t bytes = 1; bytes < 64; ++bytes) {
    Allocator allocator = make(1 << 20, {Coalesce::deferred, true});
    const Allocation block = allocator.allocate(bytes, 8);
    CHECK(allocator.verify_fence(block.payload, block.usable) == bytes);
    *allocator.region().address(block.payload + bytes) = std::byte{0x41};
    CHECK_THROWS<Damage>([&] { check_invariants(allocator); });
    CHECK_THROWS<Damage>([&] { allocator.release(block.payload, block.usable); });
  }
}

TEST("an overrun into the next block's word is found by both") {
  Allocator allocator = make(1 << 20);
  const Allocation block = allocator.allocate(16, 8);
  const Allocation next = allocator.allocate(16, 8);
  fill(allocator.region().address(block.payload), block.usable + 1, 7);
  CHECK_THROWS<Damage>([&] { allocator.release(next.payload, next.usable); });
  CHECK_THROWS<Damage>([&] { check_invariants(allocator); });
}

TEST("the counters say what happened") {
  for_each_kind(1 << 20, [](Allocator& allocator) {
    const Allocation first = allocator.allocate(1000, 8);
    const Allocation second = allocator.allocate(3000, 8);
    const Counters& count = allocator.counters();
    CHECK(count.live.blocks == 2 && count.live.bytes == first.usable + second.usable);
    CHECK(count.peak_live_bytes == 4000 && count.allocations == 2);
    allocator.release(second.payload, second.usable);
    CHECK(count.live.blocks == 1 && count.live.bytes == 1000 && count.peak_live_bytes == 4000);
    allocator.release(first.payload, first.usable);
    allocator.defrag();
    CHECK(count.deferred.blocks == 0 && count.free.blocks == 0 && count.free.bytes == 0);
  });
}
