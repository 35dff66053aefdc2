#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "core/allocator/check.hpp"
#include "core/allocator/rebuild.hpp"
#include "core/heap/heap.hpp"
#include "core/region/poison.hpp"
#include "core/region/private_memory.hpp"
#include "cpp/core/model.hpp"
#include "cpp/core/owned.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

/// Blocks that move keep their contents and alignment, and all that is free comes together.

namespace {

/// A block with its number in front and a pattern of it behind.
struct Tenant {
  Handle handle;
  std::uint64_t number = 0;
  bool wall = false;
};

class Tenants : public Owners {
 public:
  bool may_move(const Handle& handle) noexcept override {
    ++looks;
    return !tenant_of(handle).wall;
  }
  void moved(Handle& handle, Offset from) noexcept override {
    if (tenant_of(handle).wall || handle.payload == from) wrong_moves = true;
    ++moves;
  }

  bool wrong_moves = false;
  std::uint64_t moves = 0;
  std::uint64_t looks = 0;

 private:
  static const Tenant& tenant_of(const Handle& handle) {
    return reinterpret_cast<const Tenant&>(handle);  // it comes first
  }
};

void write(std::byte* payload, std::uint64_t bytes, std::uint64_t number) {
  if (bytes == 0) return;
  fill(payload, bytes, number);
  std::memcpy(payload, &number, std::min<std::uint64_t>(bytes, 8));
}

bool is_whole(const std::byte* payload, std::uint64_t bytes, std::uint64_t number) {
  std::vector<std::byte> expected(bytes);
  write(expected.data(), bytes, number);
  return bytes == 0 || std::memcmp(payload, expected.data(), bytes) == 0;
}

/// A heap whose blocks come and go at random, some of them walls.
class House {
 public:
  explicit House(const Heap::Options& options, std::uint64_t seed)
      : heap(options), random(seed), fenced_(options.debug) {}
  ~House() {
    for (const auto& tenant : tenants) heap->free(tenant->handle);
  }
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  bool add(std::uint64_t bytes, std::uint64_t align = 8, bool wall = false) {
    auto tenant = std::make_unique<Tenant>();
    try {
      heap->alloc(tenant->handle, bytes, align, wall);
    } catch (const Exhausted&) {
      return false;
    }
    tenant->number = ++numbers_;
    tenant->wall = wall;
    write(heap->address(tenant->handle), bytes, tenant->number);
    tenants.push_back(std::move(tenant));
    return true;
  }
  void drop(std::size_t index) {
    heap->free(tenants[index]->handle);
    std::swap(tenants[index], tenants.back());
    tenants.pop_back();
  }
  /// Every so many stays.
  void keep_one_in(std::size_t count) {
    for (std::size_t index = tenants.size(); index-- > 0;) {
      if (tenants[index]->number % count != 0) drop(index);
    }
  }
  void verify() {
    heap->check();
    for (const auto& tenant : tenants) {
      const Handle& handle = tenant->handle;
      CHECK(is_whole(heap->address(handle), handle.bytes, tenant->number));
      CHECK(is_aligned(handle.payload, handle.align));
    }
    CHECK(!owners.wrong_moves);
  }

  Owned heap;
  Tenants owners;
  Random random;
  std::vector<std::unique_ptr<Tenant>> tenants;

 private:
  std::uint64_t numbers_ = 0;
  bool fenced_;
};

void change(House& house, unsigned size_bits, unsigned one_wall_in) {
  if (house.random.one_in(2) && !house.tenants.empty()) {
    house.drop(house.random.below(house.tenants.size()));
  } else {
    const bool wall = one_wall_in > 0 && house.random.one_in(one_wall_in);
    const std::uint64_t align = house.random.one_in(8) ? house.random.align(10) : 8;
    house.add(house.random.size(size_bits), align, wall);
  }
}

const auto all_policies = {Policy::segregated, Policy::first, Policy::next, Policy::best,
                           Policy::worst};

}  // namespace

TEST("without walls one pass leaves no hole") {
  for (const bool debug : {false, true}) {
    House house({.capacity = 4 << 20, .debug = debug}, 1);
    for (int number = 0; number < 3000; ++number) house.add(house.random.size(11));
    house.keep_one_in(3);
    const Heap::CompactionReport report = house.heap->compact({}, house.owners);
    house.verify();
    CHECK(report.figures.finished);
    CHECK(report.figures.moved.blocks == house.owners.moves);
    CHECK(report.before.free == report.after.free);
    CHECK(report.after.largest == report.after.free);
    CHECK(report.after.extent + report.after.free == house.heap->capacity());
    CHECK(house.heap->compact({}, house.owners).figures.moved.blocks == 0);
  }
}

TEST("walls stay, and what is free comes together between them") {
  House house({.capacity = 1 << 20}, 2);
  for (int number = 0; number < 4000; ++number) house.add(100, 8, number % 50 == 0);
  house.keep_one_in(2);
  std::vector<Offset> walls;
  for (const auto& tenant : house.tenants) {
    if (tenant->wall) walls.push_back(tenant->handle.payload);
  }
  house.heap->compact({}, house.owners);
  house.verify();
  for (const auto& tenant : house.tenants) {
    if (tenant->wall) CHECK(std::ranges::count(walls, tenant->handle.payload) == 1);
  }
  std::uint64_t holes = 0;
  house.heap->walk([&](const Heap::Seen& seen) { holes += seen.handle == nullptr ? 1 : 0; });
  CHECK(holes <= walls.size() + 1);
}

TEST("passes that are bounded come to the same end, and none costs more than it may") {
  House house({.capacity = 4 << 20}, 3);
  for (int number = 0; number < 3000; ++number) house.add(house.random.size(11));
  house.keep_one_in(4);
  int passes = 0;
  for (bool finished = false; !finished; ++passes) {
    const auto report = house.heap->compact({.bytes = 5000}, house.owners);
    CHECK(report.figures.moved.bytes <= 5000);
    finished = report.figures.finished;
    house.verify();
    CHECK(passes < 10'000);
  }
  CHECK(passes > 20);
  const auto last = house.heap->compact({}, house.owners);
  CHECK(last.after.largest == last.after.free);
}

TEST("no time at all moves little, and is not forever") {
  House house({.capacity = 8 << 20}, 4);
  for (int number = 0; number < 20'000; ++number) house.add(64);
  house.keep_one_in(2);
  const auto report = house.heap->compact({.microseconds = 0}, house.owners);
  CHECK(!report.figures.finished);
  CHECK(report.figures.moved.blocks < 200);
  house.verify();
}

TEST("a block larger than a pass may move stays, and the pass goes on") {
  House house({.capacity = 4 << 20}, 5);
  for (int number = 0; number < 30; ++number) house.add(number % 5 == 1 ? 100'000 : 1000);
  house.keep_one_in(2);
  const auto report = house.heap->compact({.bytes = 50'000}, house.owners);
  CHECK(report.figures.too_large.blocks > 0);
  CHECK(report.figures.moved.blocks > 0);
  CHECK(report.figures.finished);
  house.verify();
}

TEST("blocks come, go and move at random") {
  for (const Policy policy : all_policies) {
    for (const bool debug : {false, true}) {
      for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
        House house({.capacity = 200 << 10, .coalesce = coalesce, .policy = policy, .debug = debug},
                    6);
        for (int step = 0; step < 4000; ++step) {
          change(house, 12, 12);
          if (step % 7 == 0) {
            const std::uint64_t bytes = house.random.one_in(4) ? CompactionBounds::none : 3000;
            house.heap->compact({.bytes = bytes}, house.owners);
          }
          if (step % 50 == 0) house.verify();
        }
        house.verify();
      }
    }
  }
}

namespace {

/// As `House`, moving for requests that would be refused.
struct AutoHouse {
  explicit AutoHouse(Heap::Options options, std::uint64_t seed) {
    options.owners = &owners;
    options.auto_compact = true;
    house.emplace(options, seed);
  }
  Tenants owners;
  std::optional<House> house;
};

}  // namespace

TEST("a request that fits in what is free is served, however it lies") {
  AutoHouse it({.capacity = 1 << 20}, 7);
  House& house = *it.house;
  while (house.add(1000)) {
  }
  house.keep_one_in(2);
  CHECK(house.add(400'000));
  house.verify();
  CHECK(it.owners.moves > 0);
  CHECK(!house.add(200'000));
  house.verify();
}

TEST("what costs least is moved") {
  AutoHouse it({.capacity = 1 << 20}, 8);
  House& house = *it.house;
  while (house.add(10'000)) {
  }
  house.drop(50);  // two holes with one block between them
  house.drop(52 < house.tenants.size() ? 52 : 0);
  it.owners.moves = 0;
  const std::uint64_t free = house.heap->compact({.bytes = 0}, it.owners).before.free;
  CHECK(house.add(free - 1000));
  house.verify();
}

TEST("a block may move into the hole right before it, which the request did not need") {
  AutoHouse it({.capacity = 4096}, 14);
  House& house = *it.house;
  for (const std::uint64_t bytes : {96, 96, 496}) house.add(bytes);
  while (house.add(24, 8, true)) {
  }
  house.drop(2);
  house.drop(0);
  CHECK(house.add(600));
  house.verify();
}

TEST("an aligned request, and a block that grows, are served too") {
  AutoHouse it({.capacity = 1 << 20}, 9);
  House& house = *it.house;
  while (house.add(2000)) {
  }
  house.keep_one_in(2);
  CHECK(house.add(100'000, 4096));
  Tenant& grown = *house.tenants.front();
  house.heap->resize(grown.handle, 200'000);
  write(house.heap->address(grown.handle), 200'000, grown.number);
  house.verify();
}

TEST("room for small requests does not take a look at all blocks for each") {
  for (const bool scarce : {false, true}) {
    AutoHouse it({.capacity = 1 << 20}, 11);
    House& house = *it.house;
    while (house.add(64)) {
    }
    const std::size_t blocks = house.tenants.size();
    if (!scarce) house.keep_one_in(2);
    std::uint64_t served = 0;
    for (unsigned request = 0; request < 1000; ++request) {
      if (scarce) house.drop(house.random.below(house.tenants.size()));
      if (house.add(128)) ++served;
    }
    CHECK(served >= 300);
    CHECK(it.owners.moves > 0);
    CHECK(it.owners.looks < served * blocks / 20);
    house.verify();
  }
}

TEST("a small request finds room beside walls, too") {
  AutoHouse it({.capacity = 1 << 20}, 13);
  House& house = *it.house;
  for (unsigned number = 0; house.add(64, 8, number % 3 == 0); ++number) {
  }
  for (std::size_t index = house.tenants.size(); index-- > 0;) {
    if (house.tenants[index]->number % 3 == 2) house.drop(index);
  }
  CHECK(house.add(120));
  house.verify();
}

TEST("where aligned blocks keep others from sliding together, room is made elsewhere") {
  AutoHouse it({.capacity = 1 << 16}, 12);
  House& house = *it.house;
  for (unsigned page = 0; page < 6; ++page) CHECK(house.add(8, 4096));
  for (unsigned page = 0; page < 5; ++page) CHECK(house.add(2500));
  while (house.add(3000) && house.add(1560)) {
  }
  while (house.add(1600)) {
  }
  for (std::size_t index = house.tenants.size(); index-- > 0;) {
    if (house.tenants[index]->handle.bytes == 1560) house.drop(index);
  }
  CHECK(house.add(2400));
  house.verify();
}

TEST("with walls in between a request is served as far as they let it") {
  for (const unsigned walls : {3U, 10U, 100U}) {
    AutoHouse it({.capacity = 1 << 20}, 10 + walls);
    House& house = *it.house;
    std::uint64_t served = 0;
    for (int step = 0; step < 3000; ++step) {
      change(house, 15, walls);
      if (step % 10 == 0 && house.add(house.random.below(100'000))) ++served;
      if (step % 100 == 0) house.verify();
    }
    house.verify();
    CHECK(served > 0);
  }
}

TEST("what cannot be served is refused, and nothing is lost") {
  AutoHouse it({.capacity = 1 << 20}, 11);
  House& house = *it.house;
  while (house.add(1000, 8, true)) {
  }
  house.keep_one_in(2);
  const std::size_t before = house.tenants.size();
  CHECK(!house.add(5000));
  CHECK(it.owners.moves == 0);
  CHECK(house.tenants.size() == before);
  house.verify();
}

namespace {

/// The extent, compacted, of a heap in which one block in a hundred stays and most others went.
std::uint64_t extent_with_walls(bool with_plan) {
  AutoHouse it({.capacity = 8 << 20}, 12);
  House& house = *it.house;
  if (with_plan) house.heap->compact_when(CompactionPlan::Terms{1.2, 1.05, 1.0});
  for (int step = 0; step < 40'000; ++step) {
    const bool full = house.tenants.size() > 10'000;
    if (full) house.drop(house.random.below(house.tenants.size()));
    house.add(20 + house.random.below(200), 8, house.random.one_in(100));
  }
  house.keep_one_in(3);
  const std::uint64_t extent = house.heap->compact({}, it.owners).after.extent;
  house.verify();
  return extent;
}

}  // namespace

TEST("with a plan walls are made where they stand in nobody's way") {
  CHECK(extent_with_walls(true) < extent_with_walls(false) / 2);
}

TEST("a plan keeps the extent near what is live, and ends") {
  AutoHouse it({.capacity = 16 << 20}, 13);
  House& house = *it.house;
  house.heap->compact_when(CompactionPlan::Terms{1.2, 1.05, 1.0});
  for (int number = 0; number < 20'000; ++number) house.add(200);
  house.keep_one_in(4);
  for (int number = 0; number < 3000; ++number) {
    house.add(500);
    house.drop(house.random.below(house.tenants.size()));
  }
  house.verify();
  const auto [largest, free, extent] = house.heap->compact({.bytes = 0}, it.owners).before;
  CHECK(extent < (house.heap->capacity() - free) * 13 / 10);
  house.heap->compact_when({});
  CHECK(house.add(10));
}

namespace {

/// Blocks of an allocator of their own, some of which are walls, with holes between them.
class Scattered {
 public:
  Scattered(const Allocator::Options& options, std::uint64_t seed, std::uint64_t blocks,
            unsigned size_bits)
      : allocator(options),
        handles(allocator.region().end()),
        compaction(allocator, handles),
        random(seed) {
    for (std::uint64_t number = 1; number <= blocks; ++number) add(number, size_bits);
    for (auto& tenant : tenants_) {
      if (random.one_in(3)) {
        allocator.release(tenant->handle.payload, tenant->handle.usable);
      } else {
        handles.link(tenant->handle);
        bytes_[tenant->number] = tenant->handle.bytes;
      }
    }
  }

  /// After a kill: whether each block is in the region, whole.
  void verify_contents() {
    const Region& region = allocator.region();
    unpoison(region.address(first_block), region.end() - first_block);  // what the child poisoned
    rebuild(allocator);
    check_invariants(allocator);
    std::set<std::uint64_t> whole;
    allocator.blocks().walk([&](Offset block, Word word) {
      if (word.state() != State::live) return;
      const std::byte* payload = allocator.region().address(payload_of(block));
      std::uint64_t number = 0;
      std::memcpy(&number, payload, 8);
      const auto found = bytes_.find(number);
      if (found != bytes_.end() && is_whole(payload, found->second, number)) whole.insert(number);
    });
    CHECK(whole.size() == bytes_.size());
  }

  Allocator allocator;
  HandleTable handles;
  Compaction compaction;
  Tenants owners;
  Random random;

 private:
  void add(std::uint64_t number, unsigned size_bits) {
    auto tenant = std::make_unique<Tenant>();
    Handle& handle = tenant->handle;
    handle.bytes = 8 + random.size(size_bits);
    handle.align = random.one_in(4) ? random.align(8) : 8;
    const Allocation made = allocator.allocate(handle.bytes, handle.align);
    handle.payload = made.payload;
    handle.usable = made.usable;
    tenant->number = number;
    tenant->wall = random.one_in(10);
    write(allocator.region().address(handle.payload), handle.bytes, number);
    tenants_.push_back(std::move(tenant));
  }

  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::map<std::uint64_t, std::uint64_t> bytes_;
};

}  // namespace

TEST("where a block was no word is left") {
  unsigned left = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Scattered it({.capacity = 48 << 10}, seed, 60, 10);
    if (seed % 2 == 0) it.compaction.run({}, it.owners);
    if (seed % 2 == 1) it.compaction.make_room(8000, 8, it.owners);
    const BlockList& blocks = it.allocator.blocks();
    std::set<Offset> starts;
    blocks.walk([&](Offset block, Word) { starts.insert(block); });
    for (Offset at = blocks.first(); at < blocks.wilderness(); at = at + 8) {
      if (!starts.contains(at))
        left += failure_of([&] { static_cast<void>(blocks.at(at)); }).empty();
    }
  }
  CHECK(left <= 1);  // one of 2^24 words of a payload passes for one by chance
}

TEST("a process killed while it compacts leaves each block whole, at one of its places") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Scattered it({.capacity = 1 << 20,
                  .backing = std::make_shared<PrivateMemory>(1 << 20, system::Sharing::children)},
                 seed, 400, 12);
    const bool sliding = it.random.one_in(2);
    const pid_t child = fork();
    if (child == 0) {
      if (sliding) it.compaction.run({}, it.owners);
      if (!sliding) it.compaction.make_room(100'000, 8, it.owners);
      _exit(0);
    }
    usleep(static_cast<useconds_t>(it.random.below(600)));
    kill(child, SIGKILL);
    CHECK(waitpid(child, nullptr, 0) == child);
    it.verify_contents();
  }
}

#if RHEAP_CHECK >= 2

namespace {

struct Killed {};
std::uint64_t stores_left = 0;

}  // namespace

// An exception out of a store leaves the region as a kill there does.
TEST("a compaction cut off at any store leaves each block whole, at its old or its new place") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Scattered it({.capacity = 48 << 10, .fenced = seed % 2 == 0}, seed, 60, 10);
    stores_left = 1 + it.random.below(300);
    after_store = [] {
      if (--stores_left == 0) throw Killed{};
    };
    try {
      const bool sliding = it.random.one_in(2);
      if (sliding) it.compaction.run({}, it.owners);
      if (!sliding) it.compaction.make_room(8000, 8, it.owners);
    } catch (const Killed&) {
    }
    after_store = nullptr;
    it.verify_contents();
  }
}

#endif
