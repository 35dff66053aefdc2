#include <sys/mman.h>

#include <vector>

#include "allocator.hpp"
#include "model.hpp"
#include "poison.hpp"
#include "testing.hpp"

using namespace rheap;
using namespace rheap::testing;

/// Whatever is written over what the allocator wrote, it works on correctly, refuses, or says
/// Damage. It never crashes, and never runs for ever.

namespace {

Offset any_block(const Allocator& allocator, Random& random) {
  std::vector<Offset> blocks;
  allocator.blocks().walk([&](Offset block, Word) { blocks.push_back(block); });
  return blocks.empty() ? first_block : blocks[random.below(blocks.size())];
}

/// The word of a block, its links, its footer.
std::uint64_t* somewhere_in_a_block(Allocator& allocator, Random& random) {
  const Offset block = any_block(allocator, random);
  const Word word = allocator.blocks().follow(block);
  const Offset places[] = {block, block + 8, block + 16, block + (word.size() - 8)};
  // A live block's payload is its owner's.
  const Offset place = word.state() == State::live ? block : places[random.below(4)];
  return reinterpret_cast<std::uint64_t*>(allocator.region().address(place));
}

/// A list head, a bitmap, a slot.
std::uint64_t* somewhere_in_the_lists(Allocator& allocator, Random& random) {
  HeapHeader& header = allocator.region().header();
  const auto any = [&](auto& part) {
    return reinterpret_cast<std::uint64_t*>(&part) + random.below(sizeof part / 8);
  };
  switch (random.below(5)) {
    case 0:
      return &header.index.rows;
    case 1:
      return any(header.index.columns);
    case 2:
      return any(header.index.heads);
    case 3:
      return any(header.deferred.parked);
    default:
      return any(header.deferred);
  }
}

std::uint64_t any_value(Allocator& allocator, Random& random, std::uint64_t old) {
  switch (random.below(6)) {
    case 0:
      return random.next();
    case 1:
      return 0;
    case 2:
      return old ^ std::uint64_t{1} << random.below(64);
    case 3:  // a link to a block, maybe tagged
      return any_block(allocator, random).value | random.below(2);
    case 4:  // a link to anywhere in the region
      return align_down(random.below(allocator.region().end().value), 8);
    default:
      return old + random.below(17) * 8 - 64;
  }
}

template <typename Place>
void damage_and_go_on(Place&& place) {
  constexpr int batches = 8;
  constexpr int rounds = 250;
  for (int batch = 0; batch < batches; ++batch) {
    in_child(60, [&] {
      for (int round = 0; round < rounds; ++round) {
        const auto seed = static_cast<std::uint64_t>(batch * rounds + round);
        const Coalesce coalesce = seed % 2 == 0 ? Coalesce::deferred : Coalesce::immediate;
        const auto policy = static_cast<Policy>(seed / 2 % policy_names.size());
        Allocator allocator({.capacity = 32 << 10, .coalesce = coalesce, .policy = policy});
        Model model(allocator, seed);
        for (int step = 0; step < 60; ++step) model.step({.size_bits = 11});
        unpoison(allocator.region().address(first_block), allocator.region().capacity());
        for (std::uint64_t wounds = model.random().below(3) + 1; wounds > 0; --wounds) {
          try {
            std::uint64_t* slot = place(allocator, model.random());
            *slot = any_value(allocator, model.random(), *slot);
          } catch (const Damage&) {
            break;  // the walk met the first wound
          }
        }
        try {
          for (int step = 0; step < 60; ++step) model.step({.size_bits = 11});
          model.verify();
        } catch (const Damage&) {
        }
        try {
          allocator.rebuild();
          allocator.check();
        } catch (const Damage&) {
        }
      }
    });
  }
}

}  // namespace

TEST("words, links and footers overwritten: Damage at worst") {
  damage_and_go_on(somewhere_in_a_block);
}

TEST("lists and bitmaps overwritten: Damage at worst") { damage_and_go_on(somewhere_in_the_lists); }

#if RHEAP_CHECK >= 2  // one that is merely wrong is found by a walk only
TEST("the wilderness's start overwritten: Damage at worst") {
  damage_and_go_on(
      [](Allocator& allocator, Random&) { return &allocator.region().header().wilderness.value; });
}
#endif

TEST("`fresh` overwritten: Damage at worst") {
  damage_and_go_on(
      [](Allocator& allocator, Random&) { return &allocator.region().header().fresh.value; });
}

TEST("counters overwritten: Damage at worst") {
  damage_and_go_on([](Allocator& allocator, Random& random) {
    Counters& counters = allocator.region().header().counters;
    return reinterpret_cast<std::uint64_t*>(&counters) + random.below(sizeof counters / 8);
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
    allocator.region().header().fresh = allocator.region().end() + 2 * page;
    CHECK_THROWS<Damage>([&] { allocator.trim(); });
    CHECK(*end == std::byte{1});
  });
}
