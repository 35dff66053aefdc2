#include "core/allocator/rebuild.hpp"

#include "core/allocator/allocator.hpp"
#include "core/allocator/check.hpp"
#include "core/region/poison.hpp"
#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

/// Everything that is derived from the list of blocks, made nonsense of.
void wreck(Allocator& allocator, Random& random) {
  HeapHeader& header = allocator.region().header();
  const auto scramble = [&random](auto& part) {
    auto* words = reinterpret_cast<std::uint64_t*>(&part);
    for (std::size_t word = 0; word < sizeof part / 8; ++word) words[word] = random.next();
  };
  scramble(header.index);
  scramble(header.list);
  scramble(header.deferred);
  scramble(header.counters.live);
  scramble(header.counters.deferred);
  scramble(header.counters.free);

  unpoison(allocator.region().address(first_block), allocator.region().capacity());
  const Seal seal(allocator.region().secret());
  allocator.blocks().walk([&](Offset block, Word word) {
    Word other = word.after(random.one_in(2));
    if (word.state() != State::live) {
      other = other.with(random.one_in(2) ? State::free : State::deferred);
      allocator.region().store(block + 8, random.next());
      allocator.region().store(block + 16, random.next());
    }
    allocator.region().store(block, seal.close(block, other));
  });
}

}  // namespace

TEST("rebuild makes everything anew from the list of blocks") {
  for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
    for (const Policy policy : {Policy::segregated, Policy::next}) {
      Allocator allocator({.capacity = 128 << 10,
                           .coalesce = coalesce,
                           .policy = policy,
                           .fenced = policy == Policy::segregated});
      Model model(allocator, 1);
      for (int round = 0; round < 40; ++round) {
        for (int step = 0; step < 40; ++step) model.step({.size_bits = 12});
        wreck(allocator, model.random());
        rebuild(allocator);
        check_invariants(allocator);
        model.verify();
        CHECK(allocator.counters().live.blocks == model.blocks().size());
        CHECK(allocator.counters().deferred.blocks == 0);
      }
      model.release_all();
      allocator.defrag();
      CHECK(allocator.blocks().wilderness() == first_block);
    }
  }
}

TEST("rebuild of a sound heap keeps it, and once more changes nothing") {
  Allocator allocator({.capacity = 128 << 10});
  Model model(allocator, 2);
  for (int step = 0; step < 300; ++step) model.step();
  rebuild(allocator);
  check_invariants(allocator);
  const Counters before = allocator.counters();
  rebuild(allocator);
  check_invariants(allocator);
  CHECK(allocator.counters().free.bytes == before.free.bytes);
  CHECK(allocator.counters().live.bytes == before.live.bytes);
  CHECK(allocator.defrag() == 0);
  model.verify();
}

TEST("rebuild does not believe a word that is damaged") {
  Allocator allocator({.capacity = 128 << 10});
  const Allocation block = allocator.allocate(100, 8);
  allocator.allocate(100, 8);
  allocator.region().store(block_of(block.payload), 1);
  CHECK_THROWS<Damage>([&] { rebuild(allocator); });
}
