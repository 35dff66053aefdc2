#include "replay/tile_watch.hpp"

#include <map>
#include <random>

#include "cpp/testing.hpp"
#include "replay/list_watch.hpp"

using namespace rheap;
using namespace rheap::testing;
using replay::Birth;
using replay::ListWatch;
using replay::Splice;
using replay::Tile;
using replay::TileWatch;

namespace {

/// What births say that a region holds: each ends what it covers.
class Replica {
 public:
  void apply(const std::vector<Birth>& births) {
    for (const Birth& birth : births) {
      const auto [place, size, state] = birth.tile;
      const std::uint64_t end = size == 0 ? std::uint64_t(-1) : place + size;
      for (auto tile = tiles_.begin(); tile != tiles_.end();) {
        const bool covered = tile->first < end && tile->first + tile->second.size > place;
        tile = covered ? tiles_.erase(tile) : std::next(tile);
      }
      if (size > 0) tiles_[place] = birth.tile;
    }
  }
  [[nodiscard]] bool agrees_with(const BlockList& blocks) const {
    auto tile = tiles_.begin();
    bool agrees = true;
    blocks.walk([&](Offset block, Word word) {
      agrees = agrees && tile != tiles_.end() &&
               tile->second == Tile{block.value, word.size(), word.state()};
      if (tile != tiles_.end()) ++tile;
    });
    return agrees && tile == tiles_.end();
  }

 private:
  std::map<std::uint64_t, Tile> tiles_;
};

struct Owned {
  Offset payload;
  std::uint64_t usable;
};

/// Allocates and frees at random, and compares after each operation. Some requests are refused.
bool follows(const Allocator::Options& options, unsigned seed, int operations) {
  Allocator allocator(options);
  TileWatch watch(allocator);
  Replica replica;
  std::vector<Owned> live;
  std::minstd_rand random(seed);
  for (int done = 0; done < operations; ++done) {
    Offset had{};
    Offset has{};
    if (!live.empty() && random() % 2 == 0) {
      std::swap(live[random() % live.size()], live.back());
      had = block_of(live.back().payload);
      allocator.release(live.back().payload, live.back().usable);
      live.pop_back();
    } else {
      try {
        const std::uint64_t bytes = random() % 20 == 0 ? random() % 4000 : random() % 100;
        const Allocation made = allocator.allocate(bytes, 8);
        live.push_back({made.payload, made.usable});
        has = block_of(made.payload);
      } catch (const Exhausted&) {
      }
    }
    replica.apply(watch.look(had, has));
    if (!replica.agrees_with(allocator.blocks())) return false;
  }
  return true;
}

}  // namespace

TEST("births say what each operation made of a region, with every policy") {
  for (const Policy policy :
       {Policy::segregated, Policy::first, Policy::next, Policy::best, Policy::worst}) {
    for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
      for (const std::uint64_t capacity : {3000U, 40000U}) {
        CHECK(follows({.capacity = capacity, .coalesce = coalesce, .policy = policy}, 7, 1500));
      }
    }
  }
}

TEST("a block that comes from the list of its size is one birth, and nothing else is read") {
  Allocator allocator({.capacity = 1 << 16});
  TileWatch watch(allocator);
  const Allocation first = allocator.allocate(40, 8);
  const Allocation second = allocator.allocate(40, 8);
  const Offset block = block_of(first.payload);
  CHECK(watch.look({}, block).size() == 2);  // it had not looked before
  allocator.release(first.payload, first.usable);
  const std::vector<Birth> freed = watch.look(block, {});
  const Tile expected{block.value, 48, State::deferred};
  CHECK(freed.size() == 1 && freed[0].tile == expected);
  CHECK(freed[0].size_before == 48);
  const Allocation again = allocator.allocate(40, 8);
  const std::vector<Birth> taken = watch.look({}, block_of(again.payload));
  CHECK(taken.size() == 1 && taken[0].tile.state == State::live);
  CHECK(second.payload != again.payload);
}

TEST("what joins the wilderness is a retreat") {
  Allocator allocator({.capacity = 1 << 16, .coalesce = Coalesce::immediate});
  TileWatch watch(allocator);
  const Allocation made = allocator.allocate(40, 8);
  const Offset block = block_of(made.payload);
  watch.look({}, block);
  allocator.release(made.payload, made.usable);
  const std::vector<Birth> freed = watch.look(block, {});
  CHECK(freed.size() == 1 && freed[0].tile.size == 0 && freed[0].tile.place == block.value);
}

TEST("lists are told in their order: deferred blocks the last one first") {
  Allocator allocator({.capacity = 1 << 16});
  ListWatch lists(allocator);
  const Allocation first = allocator.allocate(40, 8);
  const Allocation second = allocator.allocate(40, 8);
  CHECK(lists.look().empty());
  allocator.release(first.payload, first.usable);
  CHECK(lists.look().size() == 1);
  allocator.release(second.payload, second.usable);
  const std::vector<Splice> pushed = lists.look();
  CHECK(pushed.size() == 1 && pushed[0].at == 0 && pushed[0].removed == 0);
  CHECK(pushed[0].added == std::vector<Offset>{block_of(second.payload)});
  CHECK(ListWatch::least_size(pushed[0].list) == 48);
  allocator.allocate(40, 8);
  const std::vector<Splice> popped = lists.look();
  CHECK(popped.size() == 1 && popped[0].removed == 1 && popped[0].added.empty());
}

TEST("a list of the free index has the sizes that its blocks have") {
  for (std::uint64_t size : {24U, 64U, 256U, 520U, 1024U, 5000U, 1U << 20}) {
    size = align_down(size, 8);
    Allocator allocator({.capacity = 1 << 22, .coalesce = Coalesce::immediate});
    ListWatch lists(allocator);
    const Allocation made = allocator.allocate(size - word_bytes, 8);
    allocator.allocate(8, 8);
    allocator.release(made.payload, made.usable);
    const std::vector<Splice> splices = lists.look();
    CHECK(splices.size() == 1);
    const std::size_t list = splices[0].list;
    CHECK(ListWatch::least_size(list) <= size && size < ListWatch::least_size(list + 1));
  }
}
