#include "core/region/block_list.hpp"

#include <vector>

#include "core/region/private_memory.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

struct Fixture {
  Region region{std::make_shared<PrivateMemory>(64 << 10)};
  BlockList list{region};

  Offset extend(std::uint64_t size, State state = State::live) {
    return list.extend(list.wilderness(), {size, state, false});
  }
  [[nodiscard]] std::vector<std::uint64_t> sizes() const {
    std::vector<std::uint64_t> found;
    list.walk([&](Offset, Word word) { found.push_back(word.size()); });
    return found;
  }
};
using Sizes = std::vector<std::uint64_t>;

}  // namespace

TEST("an empty list has no block") {
  const Fixture on;
  CHECK(on.list.wilderness() == on.list.first());
  CHECK(on.sizes().empty());
  CHECK(payload_of(on.list.first()).value % 4096 == 0);
}

TEST("extend, split, absorb and retract change the list, each in its way") {
  Fixture on;
  const Offset first = on.extend(64);
  const Offset second = on.extend(128);
  CHECK(second == first + 64 && on.list.wilderness() == second + 128);
  CHECK((on.sizes() == Sizes{64, 128}));

  on.list.split(second, on.list.at(second), 48, State::deferred);
  CHECK((on.sizes() == Sizes{64, 48, 80}));
  CHECK(on.list.at(second).state() == State::live);
  CHECK(on.list.at(second + 48).state() == State::deferred);

  Word word = on.list.at(first);
  on.list.absorb(first, word, 48);
  CHECK(word.size() == 112 && on.list.at(first).size() == 112);
  CHECK((on.sizes() == Sizes{112, 80}));

  on.list.retract(second + 48);
  CHECK((on.sizes() == Sizes{112}));
  CHECK(on.list.fresh() == first + 192);
}

TEST("a follower finds the free block before it, the smallest one too") {
  Fixture on;
  for (const std::uint64_t size : {std::uint64_t{24}, std::uint64_t{32}, std::uint64_t{4096}}) {
    const Offset block = on.extend(size, State::free);
    const Offset behind = on.extend(64);
    on.list.write_footer(block, size);
    if (size == smallest_block) on.region.store(block + 16, 1);  // a prev link, tagged
    const auto tell = [&](bool is_free) {
      on.list.tell(on.list.next({block, on.list.at(block)}, on.list.wilderness()), is_free);
    };
    tell(true);
    CHECK(on.list.at(behind).after_free());
    on.list.verify_footer(block, size);
    const Block found = on.list.previous(behind);
    CHECK(found.start == block && found.word.size() == size && found.end() == behind);
    tell(false);
    CHECK(!on.list.at(behind).after_free());
  }
}

TEST("a footer that lies is not believed") {
  Fixture on;
  const Offset live = on.extend(64);
  const Offset block = on.extend(64, State::free);
  const Offset behind = on.extend(64);
  for (const std::uint64_t lie : {0UL, 16UL, 24UL, 56UL, 128UL, 1UL << 20, ~0UL, ~7UL}) {
    on.region.store(behind - 8, lie);
    CHECK_THROWS<Damage>([&] { static_cast<void>(on.list.previous(behind)); });
    CHECK_THROWS<Damage>([&] { on.list.verify_footer(block, 64); });
  }
  on.region.store(block - 8, 64);
  CHECK_THROWS<Damage>([&] { static_cast<void>(on.list.previous(block)); });  // `live` is not free
  CHECK(on.list.at(live).state() == State::live);
}

TEST("a link is followed only to a block") {
  Fixture on;
  const Offset block = on.extend(64);
  CHECK(on.list.follow(block).size() == 64);
  for (const std::uint64_t link :
       {std::uint64_t{0}, first_block.value - 8, block.value + 4, block.value + 8, block.value + 48,
        block.value + 64, on.region.end().value, ~std::uint64_t{0}, ~std::uint64_t{7}}) {
    CHECK_THROWS<Damage>([&] { static_cast<void>(on.list.follow({link})); });
  }
}

TEST("a walk stops where a word was overwritten") {
  Fixture on;
  on.extend(64);
  const Offset second = on.extend(64);
  on.extend(64);
  on.region.store(second, 0x4141'4141'4141'4141);
  const Damage damage = CHECK_THROWS<Damage>([&] { static_cast<void>(on.sizes()); });
  CHECK(damage.where == second);
}

TEST("offsets in the header are believed only as they were written, where they were written") {
  Fixture on;
  on.extend(64);
  HeapHeader& header = on.region.header();
  header.fresh.raw ^= 1;
  CHECK_THROWS<Damage>([&] { static_cast<void>(on.list.fresh()); });
  header.fresh = header.wilderness;
  const Damage damage = CHECK_THROWS<Damage>([&] { static_cast<void>(on.list.fresh()); });
  CHECK(damage.where.value == offsetof(HeapHeader, fresh));
  const SealedOffset truth = header.wilderness;
  for (unsigned bit = 0; bit < 64; ++bit) {
    header.wilderness.raw = truth.raw ^ std::uint64_t{1} << bit;
    CHECK_THROWS<Damage>([&] { static_cast<void>(on.list.wilderness()); });
  }
}

TEST("an offset that holds but lies outside the region is not believed") {
  Fixture on;
  HeapHeader& header = on.region.header();
  const Seal seal(on.region.secret());
  for (const std::uint64_t lie :
       {std::uint64_t{0}, first_block.value - 8, on.region.committed().value + 8}) {
    header.wilderness.raw = seal.close(on.region.place_of(header.wilderness), Offset{lie});
    CHECK_THROWS<Damage>([&] { static_cast<void>(on.list.wilderness()); });
  }
}

TEST("who is swallowed or given to the wilderness leaves no word behind") {
  Fixture on;
  const Offset first = on.extend(64);
  const Offset second = on.extend(64);
  const Offset third = on.extend(64);
  Word word = on.list.at(first);
  on.list.absorb(first, word, 64);
  CHECK_THROWS<Damage>([&] { static_cast<void>(on.list.at(second)); });
  on.list.retract(third);
  CHECK_THROWS<Damage>([&] { static_cast<void>(on.list.at(third)); });
}
