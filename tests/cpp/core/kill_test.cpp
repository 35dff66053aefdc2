#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <limits>
#include <vector>

#include "core/allocator/allocator.hpp"
#include "core/allocator/check.hpp"
#include "core/allocator/rebuild.hpp"
#include "core/region/poison.hpp"
#include "core/region/private_memory.hpp"
#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

/// The blocks tile the region between any two stores, so whoever is killed leaves a heap that one
/// walk makes whole again.

namespace {

constexpr std::uint64_t capacity = 48 << 10;

/// What a child tells of its blocks before it dies, in memory that its parent sees.
struct Journal {
  struct Entry {
    std::atomic<bool> held;  ///< set last, cleared first
    Offset payload;
    std::uint64_t usable;
    std::uint64_t bytes;
  };
  std::array<Entry, 24> entries;
};

class SharedJournal {
 public:
  SharedJournal()
      : memory_(system::reserve(sizeof(Journal), alignof(Journal), system::Sharing::children)) {
    system::commit(memory_, sizeof(Journal));
  }
  ~SharedJournal() { system::release(memory_, sizeof(Journal)); }
  SharedJournal(const SharedJournal&) = delete;
  SharedJournal& operator=(const SharedJournal&) = delete;

  Journal* operator->() const { return reinterpret_cast<Journal*>(memory_); }
  void clear() { std::memset(memory_, 0, sizeof(Journal)); }

 private:
  std::byte* memory_;
};

void work_on(Allocator& allocator, Journal::Entry& entry, Random& random) {
  const std::uint64_t bytes = random.size(12);
  const std::uint64_t align = random.one_in(3) ? random.align(10) : 8;
  Allocation given{};
  const bool was_held = entry.held.exchange(false);
  try {
    if (!was_held) {
      given = allocator.allocate(bytes, align);
    } else if (random.one_in(2)) {
      given = allocator.resize(entry.payload, entry.usable, entry.bytes, bytes, 8);
      if (given.payload != entry.payload) allocator.release(entry.payload, entry.usable);
    } else {
      allocator.release(entry.payload, entry.usable);
      if (random.one_in(30)) allocator.defrag();
      if (random.one_in(60)) allocator.trim();
      return;
    }
  } catch (const Exhausted&) {
    entry.held = was_held;
    return;
  }
  fill(allocator.region().address(given.payload), bytes, given.payload.value);
  entry.payload = given.payload;
  entry.usable = given.usable;
  entry.bytes = bytes;
  entry.held = true;
}

[[noreturn]] void work_until_killed(Allocator& allocator, Journal* journal, std::uint64_t seed) {
  alarm(20);
  Random random(seed);
  const std::string failure = failure_of([&] {
    for (;;) work_on(allocator, journal->entries[random.below(journal->entries.size())], random);
  });
  std::fprintf(stderr, "%s\n", failure.c_str());
  _exit(1);
}

/// What the child said it held is there.
void verify(const Allocator& allocator, const Journal* journal) {
  for (const Journal::Entry& entry : journal->entries) {
    if (!entry.held) continue;
    static_cast<void>(allocator.verify_live(entry.payload, entry.usable));
    CHECK(filled(allocator.region().address(entry.payload), entry.bytes, entry.payload.value));
  }
}

/// The parent takes over what a killed child left.
void take_over(Allocator& allocator, const Journal* journal, std::uint64_t seed) {
  // What the child committed and unpoisoned, it did for itself alone.
  allocator.region().commit(allocator.region().end());
  unpoison(allocator.region().address(first_block), capacity);
  allocator.blocks().walk([](Offset, Word) {});
  rebuild(allocator);
  check_invariants(allocator);
  verify(allocator, journal);
  Model model(allocator, seed);
  for (int step = 0; step < 60; ++step) model.step({.size_bits = 11});
  model.verify();
  verify(allocator, journal);
}

/// `kill` ends the child; `arm` runs in it before its work.
template <typename Arm, typename Kill>
void kill_and_take_over(int rounds, Arm&& arm, Kill&& kill_child) {
  SharedJournal journal;
  Random random(1);
  for (int round = 0; round < rounds; ++round) {
    const Coalesce coalesce = round % 3 == 0 ? Coalesce::immediate : Coalesce::deferred;
    Allocator allocator(
        {.capacity = capacity,
         .coalesce = coalesce,
         .backing = std::make_shared<PrivateMemory>(capacity, system::Sharing::children)});
    journal.clear();
    const pid_t child = fork();
    if (child == 0) {
      arm(random);
      work_until_killed(allocator, journal.operator->(), random.next());
    }
    kill_child(child, random);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    take_over(allocator, journal.operator->(), random.next());
  }
}

}  // namespace

TEST("a child killed at a random moment leaves a heap that goes on") {
  kill_and_take_over(
      500, [](Random&) {},
      [](pid_t child, Random& random) {
        usleep(static_cast<useconds_t>(random.size(13)));
        kill(child, SIGKILL);
      });
}

#if RHEAP_CHECK >= 2

namespace {

std::uint64_t stores_left = 0;

/// Sets the hook behind every store for as long as it lives.
class Hook {
 public:
  explicit Hook(void (*hook)()) { after_store = hook; }
  ~Hook() { after_store = nullptr; }
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;
};

struct Watch {
  const Allocator* allocator;
  const Model* model;
} watch;

/// The blocks tile the region, and each block that nobody gives back just now is live.
void look_at_the_blocks() {
  const Allocator& allocator = *watch.allocator;
  const std::uint64_t around = word_bytes + (allocator.fenced() ? fence::fence_bytes : 0);
  const std::string failure = failure_of([&] {
    auto held = watch.model->blocks().begin();
    const auto end = watch.model->blocks().end();
    const auto skip_busy = [&] {
      if (held != end && held->first == watch.model->busy()) ++held;
    };
    allocator.blocks().walk([&](Offset block, Word word) {
      skip_busy();
      if (held == end || payload_of(block) != held->first) return;
      CHECK(word.state() == State::live && word.size() == held->second.usable + around);
      ++held;
    });
    skip_busy();
    CHECK(held == end);
  });
  if (!failure.empty()) throw Failure{"after a store: " + failure};
}

void nothing_beyond_fresh() {
  const Region& region = watch.allocator->region();
  const Offset fresh = watch.allocator->blocks().fresh();
  if (fresh + 64 > region.committed()) return;
  if (!filled_with(region.address(fresh), 64, std::byte{0})) {
    throw Failure{"after a store: bytes beyond `fresh` are not zero"};
  }
}

template <typename Visit>
void watched(void (*hook)(), Visit&& visit) {
  for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
    for (const bool fenced : {false, true}) {
      Allocator allocator({.capacity = capacity, .coalesce = coalesce, .fenced = fenced});
      Model model(allocator, 1);
      watch = {&allocator, &model};
      const Hook set(hook);
      visit(allocator, model);
    }
  }
}

struct Killed {};

void die_by_exception() {
  if (--stores_left == 0) throw Killed{};
}

}  // namespace

TEST("the blocks tile the region after every store") {
  watched(look_at_the_blocks, [](Allocator& allocator, Model& model) {
    for (int step = 0; step < 1500; ++step) {
      model.step({.size_bits = 11, .align_bits = 10});
      if (step % 100 == 0) rebuild(allocator);
    }
    model.release_all();
  });
}

TEST("nothing beyond `fresh` is written before `fresh` says so") {
  watched(nothing_beyond_fresh, [](Allocator&, Model& model) {
    for (int step = 0; step < 300; ++step) model.step({.size_bits = 11, .align_bits = 10});
  });
}

TEST("a child killed at any store leaves a heap that goes on") {
  kill_and_take_over(
      400,
      [](Random& random) {
        stores_left = 1 + random.below(2000);
        after_store = [] {
          if (--stores_left == 0) kill(getpid(), SIGKILL);
        };
      },
      [](pid_t, Random& random) { random.next(); });
}

// An exception out of a store leaves the region as a kill there does, at the price of no process.
TEST("an operation cut off at each of its stores in turn leaves a heap that goes on") {
  for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
    Allocator allocator({.capacity = capacity, .coalesce = coalesce});
    Model model(allocator, 3);
    for (int round = 0; round < 3000; ++round) {
      bool cut_off = false;
      {
        const Hook hook(die_by_exception);
        stores_left = 1 + model.random().below(40);
        try {
          model.step({.size_bits = 11, .align_bits = 10});
        } catch (const Killed&) {
          cut_off = true;
        }
      }
      if (!cut_off) continue;
      model.forget_busy();
      rebuild(allocator);
      check_invariants(allocator);
      model.verify();
      if (allocator.counters().live.blocks > model.blocks().size() + 20) {
        // Blocks that nobody got to know, as those of the dead.
        std::vector<Block> lost;
        allocator.blocks().walk([&](Offset block, Word word) {
          const bool live = word.state() == State::live;
          if (live && !model.blocks().contains(payload_of(block))) lost.push_back({block, word});
        });
        for (const Block& block : lost) {
          allocator.release(payload_of(block.start), block.word.size() - word_bytes);
        }
      }
    }
    model.verify();
  }
}

// A block is live a moment before its fence stands.
TEST("an operation of a fenced heap cut off at each of its stores leaves a heap that goes on") {
  for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
    for (std::uint64_t store = 1; store < 20; ++store) {
      Allocator allocator({.capacity = capacity, .coalesce = coalesce, .fenced = true});
      const Allocation block = allocator.allocate(100, 8);
      try {
        const Hook hook(die_by_exception);
        stores_left = store;
        const Allocation grown = allocator.resize(block.payload, block.usable, 100, 200, 8);
        if (grown.payload != block.payload) allocator.release(block.payload, block.usable);
        allocator.allocate(100, 64);
        allocator.release(grown.payload, grown.usable);
      } catch (const Killed&) {
      }
      rebuild(allocator);
      check_invariants(allocator);
    }
  }
}

TEST("a rebuild cut off at each of its stores can be done again") {
  Allocator allocator({.capacity = capacity});
  Model model(allocator, 1);
  for (int step = 0; step < 200; ++step) model.step({.size_bits = 11});
  for (std::uint64_t store = 1; store < std::numeric_limits<std::uint64_t>::max(); ++store) {
    for (int step = 0; step < 10; ++step) model.step({.size_bits = 11});
    bool cut_off = false;
    try {
      const Hook hook(die_by_exception);
      stores_left = store;
      rebuild(allocator);
    } catch (const Killed&) {
      cut_off = true;
    }
    rebuild(allocator);
    check_invariants(allocator);
    model.verify();
    if (!cut_off) break;
  }
}

// The word of a block to come is written at the wilderness. Cut off there, then with the block
// before it merged into the wilderness, it would lie where the next block is told all is zero.
TEST("a kill leaves nothing in memory that is called untouched") {
  for (std::uint64_t store = 1; store < 12; ++store) {
    Allocator allocator({.capacity = capacity});
    const Allocation block = allocator.allocate(100, 8);
    try {
      const Hook hook(die_by_exception);
      stores_left = store;
      allocator.allocate(100, 256);
    } catch (const Killed&) {
    }
    rebuild(allocator);
    allocator.release(block.payload, block.usable);
    allocator.defrag();
    Model model(allocator, 1);  // which looks at each byte beyond `dirty`
    CHECK(model.allocate(capacity / 2, 8));
  }
}

#endif
