#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <vector>

#include "core/allocator/allocator.hpp"
#include "core/allocator/check.hpp"
#include "core/allocator/rebuild.hpp"
#include "core/region/poison.hpp"
#include "core/system/memory.hpp"
#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

/// Whatever is written over what the allocator wrote, it works on correctly, refuses, or says
/// Damage. It never crashes and never runs for ever; after each operation what is in live blocks is
/// as their owners left it, and no two of them overlap. An error has changed no block.
///
/// For a long run: `RHEAP_DAMAGE_SEEDS=100000 build/tests/cpp/rheap_cpp_tests overwritten`.

namespace {

constexpr std::uint64_t capacity = 32 << 10;

std::uint64_t seeds() {
  const char* wish = std::getenv("RHEAP_DAMAGE_SEEDS");
  return wish != nullptr ? std::strtoull(wish, nullptr, 10) : 2000;
}

Allocator::Options kind_of(std::uint64_t seed) {
  return {.capacity = capacity,
          .coalesce = seed % 2 == 0 ? Coalesce::deferred : Coalesce::immediate,
          .policy = static_cast<Policy>(seed / 2 % policy_names.size()),
          .fenced = seed / 10 % 4 == 0};
}

std::uint64_t* slot_at(Allocator& allocator, Offset place) {
  return reinterpret_cast<std::uint64_t*>(allocator.region().address(place));
}

/// The blocks of a sound heap.
std::vector<Block> blocks_of(const Allocator& allocator) {
  std::vector<Block> blocks;
  allocator.blocks().walk([&](Offset start, Word word) { blocks.push_back({start, word}); });
  return blocks;
}

/// A heap in the middle of its life, and what was found of it before it was damaged.
struct Patient {
  explicit Patient(std::uint64_t seed) : allocator(kind_of(seed)), model(allocator, seed) {
    for (int step = 0; step < 60; ++step) {
      if (step % 8 == 0) former.push_back(any_of(blocks_of(allocator)).start);
      model.step({.size_bits = 11, .upkeep = 20});
    }
    model.allocate(8, 8);
    unpoison(allocator.region().address(first_block), allocator.region().capacity());
    blocks = blocks_of(allocator);
  }

  Block any_of(const std::vector<Block>& some) {
    return some.empty() ? Block{first_block, {}} : some[model.random().below(some.size())];
  }
  Block any_block() { return any_of(blocks); }
  /// What is written over something.
  std::uint64_t any_value(std::uint64_t old) {
    Random& random = model.random();
    switch (random.below(10)) {
      case 0:
        return random.next();
      case 1:
        return 0;
      case 2:
        return ~std::uint64_t{0};
      case 3:
        return old ^ std::uint64_t{1} << random.below(64);
      case 4:  // a link to a block, maybe tagged
        return any_block().start.value | random.below(2);
      case 5:  // a link to where a block once was
        return former[random.below(former.size())].value | random.below(2);
      case 6:  // a link to anywhere in the region
        return align_down(random.below(allocator.region().end().value), 8);
      case 7:  // the word or the link of another block
        return *slot_at(allocator, any_block().start + 8 * random.below(3));
      case 8:  // what the header says elsewhere
        return *slot_at(allocator, {8 * random.below(sizeof(HeapHeader) / 8)});
      default:
        return old + random.below(17) * 8 - 64;
    }
  }
  void damage(std::uint64_t* slot) { *slot = any_value(*slot); }

  /// Goes on working until damage is found, and looks at everything after each step.
  void live_on(int steps) {
    model.expect_damage();
    try {
      for (int step = 0; step < steps; ++step) {
        model.step({.size_bits = 11, .upkeep = 50});
        model.verify_contents();
      }
      if (model.random().one_in(2)) check_invariants(allocator);
    } catch (const Damage&) {
    }
    model.verify_contents();
    try {
      rebuild(allocator);
      model.verify_contents();
      check_invariants(allocator);
      model.verify();
    } catch (const Damage&) {
    }
    model.verify_contents();
  }

  Allocator allocator;
  Model model;
  std::vector<Block> blocks;
  std::vector<Offset> former;
};

/// Runs `trial(number)` for all numbers below `count`, many in each child.
void in_children(std::uint64_t count, const std::function<void(std::uint64_t)>& trial) {
  constexpr std::uint64_t batch = 500;
  for (std::uint64_t first = 0; first < count; first += batch) {
    in_child(300, [&] {
      const Unchecked unchecked;
      for (std::uint64_t number = first; number < std::min(first + batch, count); ++number) {
        const std::string failure = failure_of([&] { trial(number); });
        if (!failure.empty()) throw Failure{"trial " + std::to_string(number) + ": " + failure};
      }
    });
  }
}

/// The word of a block or, of one that nobody has, its links and its footer.
std::uint64_t* somewhere_in_a_block(Patient& patient) {
  const Block block = patient.any_block();
  const Offset places[] = {block.start, next_link_of(block.start), previous_link_of(block.start),
                           footer_before(block.end())};
  const bool live = block.word.state() == State::live;  // its payload is its owner's
  return slot_at(patient.allocator, live ? block.start : places[patient.model.random().below(4)]);
}

/// Of all that the header holds, each part as often as the others.
std::uint64_t* somewhere_in_the_header(Patient& patient) {
  HeapHeader& header = patient.allocator.region().header();
  Random& random = patient.model.random();
  const auto any = [&](auto& part) {
    return reinterpret_cast<std::uint64_t*>(&part) + random.below(sizeof part / 8);
  };
  switch (random.below(8)) {
    case 0:
      return &header.index.rows;
    case 1:
      return any(header.index.columns);
    case 2:
      return any(header.index.heads);
    case 3:
      return any(header.list);
    case 4:
      return any(header.deferred);
    case 5:
      return any(header.counters);
    case 6:
      return random.one_in(2) ? &header.wilderness.raw : &header.fresh.raw;
    default:
      return any(header);
  }
}

template <typename Place>
void damage_at_random(Place&& place) {
  in_children(seeds(), [&](std::uint64_t seed) {
    Patient patient(seed);
    for (std::uint64_t wounds = patient.model.random().below(3) + 1; wounds > 0; --wounds) {
      patient.damage(place(patient));
    }
    patient.live_on(60);
  });
}

}  // namespace

TEST("words, links and footers overwritten: Damage at worst") {
  damage_at_random(somewhere_in_a_block);
}

TEST("the header overwritten anywhere: Damage at worst") {
  damage_at_random(somewhere_in_the_header);
}

TEST("the header and blocks overwritten: Damage at worst") {
  damage_at_random([](Patient& patient) {
    return patient.model.random().one_in(2) ? somewhere_in_a_block(patient)
                                            : somewhere_in_the_header(patient);
  });
}

TEST("each 8 bytes of the header overwritten in turn: Damage at worst") {
  in_children(sizeof(HeapHeader) / 8, [](std::uint64_t number) {
    for (std::uint64_t seed = 0; seed < 2; ++seed) {
      Patient patient(number * 2 + seed);
      patient.damage(slot_at(patient.allocator, {number * 8}));
      patient.live_on(20);
    }
  });
}

TEST("each word, link and footer of a heap overwritten in turn: Damage at worst") {
  in_children(40, [](std::uint64_t seed) {
    const std::size_t count = Patient(seed).blocks.size();
    for (std::size_t number = 0; number < count; ++number) {
      const bool live = Patient(seed).blocks[number].word.state() == State::live;
      for (std::size_t part = 0; part < (live ? 1 : 4); ++part) {
        Patient patient(seed);
        const Block block = patient.blocks[number];
        const std::array places{block.start, next_link_of(block.start),
                                previous_link_of(block.start), footer_before(block.end())};
        patient.damage(slot_at(patient.allocator, places[part]));
        patient.live_on(20);
      }
    }
  });
}

TEST("damage inside cannot lead trim outside the region") {
  in_child(10, [] {
    Allocator allocator({.capacity = 1 << 20});
    const std::uint64_t page = system::page_bytes();
    std::byte* end = allocator.region().address({align_up(allocator.region().end().value, page)});
    void* neighbour = mmap(end, page, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(neighbour == end);
    *end = std::byte{1};
    HeapHeader& header = allocator.region().header();
    const Seal seal(allocator.region().secret());
    const Offset beyond = allocator.region().end() + 2 * page;
    header.fresh.raw = seal.close(allocator.region().place_of(header.fresh), beyond);
    CHECK_THROWS<Damage>([&] { allocator.trim(); });
    CHECK(*end == std::byte{1});
  });
}

TEST("each field of a header that is another heap's is found out, by its place") {
  const auto found_out = [](const auto& change, std::uint64_t place) {
    Allocator allocator({.capacity = 4096});
    check_invariants(allocator);
    change(allocator.region().header());
    try {
      check_invariants(allocator);
      CHECK(false);
    } catch (const Damage& damage) {
      CHECK(damage.where.value == place);
    }
  };
  found_out([](HeapHeader& h) { h.magic ^= 8; }, offsetof(HeapHeader, magic));
  found_out([](HeapHeader& h) { h.version += 1; }, offsetof(HeapHeader, version));
  found_out([](HeapHeader& h) { h.fenced = 1; }, offsetof(HeapHeader, fenced));
  found_out([](HeapHeader& h) { h.policy += 1; }, offsetof(HeapHeader, policy));
  found_out([](HeapHeader& h) { h.capacity ^= 8; }, offsetof(HeapHeader, capacity));
  found_out([](HeapHeader& h) { h.secret ^= 8; }, offsetof(HeapHeader, secret));
  found_out([](HeapHeader& h) { h.first = h.first + 8; }, offsetof(HeapHeader, first));
}

// A word that nobody wiped would look like a block's, in the middle of another one.
TEST("a list that names where a block once started gives nobody that place") {
  const Unchecked unchecked;
  enum class Gone { swallowed_deferred, swallowed_free, retracted };
  for (const Gone gone : {Gone::swallowed_deferred, Gone::swallowed_free, Gone::retracted}) {
    Allocator allocator({.capacity = 1 << 16});
    const Allocation first = allocator.allocate(104, 8);
    const Allocation second = allocator.allocate(104, 8);
    if (gone != Gone::retracted) allocator.allocate(104, 8);
    allocator.release(second.payload, second.usable);
    if (gone != Gone::swallowed_deferred) allocator.defrag();
    allocator.release(first.payload, first.usable);
    allocator.defrag();
    if (gone != Gone::retracted) {
      CHECK(allocator.allocate(216, 8).payload == first.payload);  // what both had
    }
    HeapHeader& header = allocator.region().header();
    Offset& head = gone == Gone::swallowed_free ? header.index.heads[112 / 8]
                                                : header.deferred.heads[(112 - smallest_block) / 8];
    head = block_of(second.payload);
    header.index.rows |= 1;
    header.index.columns[0] |= 1U << (112 / 8);
    CHECK_THROWS<Damage>([&] { allocator.allocate(104, 8); });
  }
}
