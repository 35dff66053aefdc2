#include "replay/tile_watch.hpp"

#include <algorithm>
#include <map>
#include <random>

#include "cpp/testing.hpp"
#include "replay/inspection.hpp"
#include "replay/list_watch.hpp"

using namespace rheap;
using namespace rheap::testing;
using replay::Birth;
using replay::Inspection;
using replay::ListWatch;
using replay::Splice;
using replay::Tile;
using replay::TileWatch;
using trace::Kind;
using trace::Operation;
using trace::Trace;

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

/// The same, with the owner of each live block: a compaction keeps their order.
class OwnedReplica {
 public:
  void apply(const std::vector<Birth>& births, std::uint32_t slot) {
    std::vector<std::uint32_t> gone;
    std::vector<std::uint64_t> come;
    const auto end_of = [](const Tile& tile) {
      return tile.size == 0 ? std::uint64_t(-1) : tile.place + tile.size;
    };
    for (auto owner = owners_.begin(); owner != owners_.end();) {
      const bool covered = std::ranges::any_of(births, [&](const Birth& birth) {
        return owner->first >= birth.tile.place && owner->first < end_of(birth.tile);
      });
      if (covered) gone.push_back(owner->second);
      owner = covered ? owners_.erase(owner) : std::next(owner);
    }
    for (const Birth& birth : births) {
      if (birth.tile.size > 0 && birth.tile.state == State::live) come.push_back(birth.tile.place);
    }
    const bool moved = slot == nobody;
    if (moved) CHECK(gone.size() == come.size());
    for (std::size_t at = 0; at < come.size(); ++at) owners_[come[at]] = moved ? gone[at] : slot;
  }
  [[nodiscard]] std::uint32_t owner_at(Offset block) const { return owners_.at(block.value); }
  [[nodiscard]] std::size_t size() const { return owners_.size(); }

  static constexpr std::uint32_t nobody = ~std::uint32_t{0};

 private:
  std::map<std::uint64_t, std::uint32_t> owners_;
};

/// Allocations, frees and compactions at random, some of these bounded.
Trace random_moves(unsigned seed, int operations) {
  Trace trace("moves");
  std::vector<std::uint32_t> live;
  std::vector<std::uint32_t> vacant;
  std::minstd_rand random(seed);
  for (std::uint64_t line = 1; line <= static_cast<std::uint64_t>(operations); ++line) {
    if (random() % 12 == 0) {
      trace.add({Kind::compact, 0, random() % 2 == 0 ? Operation::unbounded : random() % 500},
                line);
    } else if (!live.empty() && random() % 2 == 0) {
      std::swap(live[random() % live.size()], live.back());
      trace.add({Kind::release, live.back(), 0}, line);
      vacant.push_back(live.back());
      live.pop_back();
    } else {
      live.push_back(vacant.empty() ? trace.slots() : vacant.back());
      if (!vacant.empty()) vacant.pop_back();
      trace.add({Kind::allocate, live.back(), random() % 100}, line);
    }
  }
  return trace;
}

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

TEST("births say who was moved where, with every policy") {
  for (const Policy policy :
       {Policy::segregated, Policy::first, Policy::next, Policy::best, Policy::worst}) {
    for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
      const Trace trace = random_moves(3, 600);
      Inspection inspection(trace, {.capacity = 2000, .coalesce = coalesce, .policy = policy});
      TileWatch watch(inspection.allocator());
      Replica replica;
      OwnedReplica owned;
      const auto word_of = [&](std::uint32_t slot) {
        const Offset payload = inspection.block(slot).payload;
        return payload ? block_of(payload) : Offset{};
      };
      while (!inspection.done()) {
        const Operation& operation = trace.operations()[inspection.position()];
        const bool moves = operation.kind() == Kind::compact;
        const Offset had = word_of(operation.slot());
        inspection.step();
        std::vector<std::uint64_t> places;
        for (const auto& each : inspection.moved()) places.push_back(word_of(each.slot).value);
        const std::vector<Birth>& births =
            moves ? watch.look_after_moves(places) : watch.look(had, word_of(operation.slot()));
        replica.apply(births);
        owned.apply(births, moves ? OwnedReplica::nobody : operation.slot());
        CHECK(replica.agrees_with(inspection.allocator().blocks()));
        std::size_t live = 0;
        for (std::uint32_t slot = 0; slot < trace.slots(); ++slot) {
          if (!word_of(slot)) continue;
          ++live;
          CHECK(owned.owner_at(word_of(slot)) == slot);
        }
        CHECK(live == owned.size());
      }
      inspection.verify();
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
