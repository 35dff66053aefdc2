#include "core/region/word.hpp"

#include "core/region/layout.hpp"
#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

const Seal seal{0x1234'5678'9ABC'DEF0};
constexpr Offset place{8200};

template <typename Visit>
void for_each_word(Visit&& visit) {
  for (const State state : {State::live, State::deferred, State::free}) {
    for (const bool after_free : {false, true}) {
      for (std::uint64_t size = smallest_block; size <= capacity_limit; size += size / 16 + 8) {
        visit(Word(align_down(size, 8), state, after_free));
      }
      visit(Word(capacity_limit, state, after_free));
    }
  }
}

}  // namespace

TEST("a word says what was put into it, up to 1 TiB") {
  for (const State state : {State::live, State::deferred, State::free}) {
    for (const bool after_free : {false, true}) {
      for (const std::uint64_t size : {std::uint64_t{24}, std::uint64_t{4096}, capacity_limit}) {
        const Word word(size, state, after_free);
        CHECK(word.size() == size && word.state() == state && word.after_free() == after_free);
        CHECK(word.with(State::free).state() == State::free &&
              word.with(State::free).size() == size);
        CHECK(word.with_size(32).size() == 32 && word.with_size(32).state() == state);
        CHECK(word.after(true).after_free() && !word.after(false).after_free());
      }
    }
  }
}

TEST("a sealed word opens to itself") {
  for_each_word([](Word word) {
    const std::uint64_t raw = seal.close(place, word);
    CHECK(seal.holds(place, raw));
    CHECK(Word(raw).raw() == word.raw());
  });
}

TEST("a word with any bit flipped is not believed") {
  for_each_word([](Word word) {
    const std::uint64_t raw = seal.close(place, word);
    for (unsigned bit = 0; bit < 64; ++bit) {
      CHECK(!seal.holds(place, raw ^ std::uint64_t{1} << bit));
    }
  });
}

TEST("a word is believed only where it was written and in its own heap") {
  for_each_word([](Word word) {
    const std::uint64_t raw = seal.close(place, word);
    for (unsigned bit = 3; bit < 40; ++bit) {
      CHECK(!seal.holds({place.value ^ std::uint64_t{1} << bit}, raw));
    }
    CHECK(!seal.holds(place + 8, raw));
    for (unsigned bit = 0; bit < 64; ++bit) {
      CHECK(!Seal(0x1234'5678'9ABC'DEF0 ^ std::uint64_t{1} << bit).holds(place, raw));
    }
  });
}

TEST("a word that is turned is that of the other state, and no word stays no word") {
  for_each_word([](Word word) {
    for (const State to : {State::live, State::deferred, State::free}) {
      const std::uint64_t raw = seal.close(place, word);
      CHECK(Seal::turned(raw, word.state(), to) == seal.close(place, word.with(to)));
      for (unsigned bit = 0; bit < 64; ++bit) {
        const std::uint64_t damaged = raw ^ std::uint64_t{1} << bit;
        CHECK(!seal.holds(place, Seal::turned(damaged, word.state(), to)));
      }
    }
    CHECK(seal.close(place, word.size(), word.state()) == seal.close(place, word.after(false)));
  });
}

// 2^-24 of a million is a sixteenth: more than a handful is not chance.
TEST("words that nobody wrote pass once in 2^24") {
  constexpr int tries = 1'000'000;
  Random random(1);
  int chance = 0;
  int moved = 0;
  int resized = 0;
  const std::uint64_t raw = seal.close(place, {4096, State::live, false});
  for (int number = 1; number <= tries; ++number) {
    const auto step = static_cast<std::uint64_t>(number) * 8;
    chance += seal.holds({random.below(capacity_limit) & ~std::uint64_t{7}}, random.next());
    moved += seal.holds(place + step, raw);
    resized += seal.holds(place, raw ^ step);
  }
  CHECK(chance <= 4);
  CHECK(moved <= 4);
  CHECK(resized <= 4);
}
