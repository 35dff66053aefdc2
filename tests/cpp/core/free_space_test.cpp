#include "core/free_space/free_space.hpp"

#include <functional>
#include <optional>
#include <vector>

#include "cpp/core/model.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

constexpr std::array policies{Policy::segregated, Policy::first, Policy::next, Policy::best,
                              Policy::worst};

/// A heap after some hundred random operations; the same seed gives the same heap.
class Aged {
 public:
  Aged(std::uint64_t seed, Policy policy, Coalesce coalesce, bool fenced)
      : random_(seed),
        allocator_({.capacity = 4096 + 8 * random_.below(1024),
                    .coalesce = coalesce,
                    .policy = policy,
                    .fenced = fenced}),
        overhead_(word_bytes + (fenced ? fence::fence_bytes : 0)) {
    const unsigned bits = 5 + static_cast<unsigned>(random_.below(7));
    for (std::uint64_t count = random_.below(300); count > 0; --count) {
      if (live_.empty() || random_.below(5) < 3) {
        take(random_.size(bits));
      } else {
        give(random_.below(live_.size()));
      }
    }
    // Holes of all sizes, and sometimes no wilderness.
    if (random_.one_in(2)) take(space().now().largest_request(overhead_));
    for (std::uint64_t count = random_.below(live_.size() + 1); count > 0; --count) {
      give(random_.below(live_.size()));
    }
  }

  [[nodiscard]] FreeSpaces space() const {
    FreeSpaces found;
    allocator_.blocks().walk([&](Offset, Word word) { found.block(word); });
    found.wilderness(allocator_.region().end() - allocator_.blocks().wilderness());
    return found;
  }
  [[nodiscard]] std::uint64_t now() const { return space().now().largest_request(overhead_); }
  [[nodiscard]] std::uint64_t merged() const { return space().merged().largest_request(overhead_); }

  /// The size of the largest block in this state, 0 when there is none.
  [[nodiscard]] std::uint64_t largest(State state) const {
    std::uint64_t found = 0;
    allocator_.blocks().walk([&](Offset, Word word) {
      if (word.state() == state) found = std::max(found, word.size());
    });
    return found;
  }

  /// How many merges it took; none when it was refused: then `refused` says what is free.
  std::optional<std::uint64_t> take(std::uint64_t bytes) {
    const std::uint64_t before = allocator_.work().merged;
    try {
      const Allocation made = allocator_.allocate(bytes, 8);
      live_.push_back(made);
      return allocator_.work().merged - before;
    } catch (const Exhausted& exhausted) {
      refused = exhausted;
      return {};
    }
  }
  Allocator& allocator() { return allocator_; }
  Exhausted refused;

 private:
  void give(std::uint64_t number) {
    allocator_.release(live_[number].payload, live_[number].usable);
    live_[number] = live_.back();
    live_.pop_back();
  }

  Random random_;
  Allocator allocator_;
  std::uint64_t overhead_;
  std::vector<Allocation> live_;
};

/// Calls `each(make, policy, coalesce)`; every heap of `make()` is the same.
void for_each_aged(
    const std::function<void(const std::function<Aged()>&, Policy, Coalesce)>& each) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    for (const Policy policy : policies) {
      for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
        for (const bool fenced : {false, true}) {
          each([&] { return Aged(seed, policy, coalesce, fenced); }, policy, coalesce);
        }
      }
    }
  }
}

}  // namespace

TEST("the largest request now needs no merge, and a larger one does") {
  std::uint64_t exact_served = 0;  // from a deferred block of the very size
  std::uint64_t found_served = 0;
  std::uint64_t larger_served = 0;
  for_each_aged([&](const auto& make, Policy policy, Coalesce) {
    const std::uint64_t now = make().now();
    if (now > 0) {
      Aged aged = make();
      const std::uint64_t largest = aged.space().now().largest;
      // The allocator may merge where it need not: before it takes what was never used, and where
      // the lists of the segregated policy round a size up.
      const bool exact = largest == aged.largest(State::deferred);
      const bool found = largest == aged.largest(State::free) && policy != Policy::segregated;
      const auto merges = aged.take(now);
      CHECK(merges.has_value());
      CHECK(*merges == 0 || !(exact || found));
      exact_served += exact ? 1 : 0;
      found_served += found ? 1 : 0;
    }
    const auto merges = make().take(now > 0 ? now + 1 : 0);
    if (merges) {
      ++larger_served;
      CHECK(*merges > 0);
    }
  });
  CHECK(exact_served > 100 && found_served > 100 && larger_served > 100);
}

TEST("the largest request merged is served, and nothing larger is") {
  for_each_aged([](const auto& make, Policy, Coalesce coalesce) {
    const std::uint64_t merged = make().merged();
    CHECK(make().now() <= merged);
    CHECK(coalesce == Coalesce::deferred || make().now() == merged);
    if (merged > 0) CHECK(make().take(merged).has_value());
    Aged refusing = make();
    CHECK(!refusing.take(merged > 0 ? merged + 8 : 0));
    CHECK(refusing.refused.largest == merged);
    CHECK(refusing.now() == merged);  // it merged everything
  });
}

TEST("defrag makes of what could be merged what is there now") {
  std::uint64_t changed = 0;
  for_each_aged([&](const auto& make, Policy, Coalesce) {
    Aged aged = make();
    const FreeSpaces before = aged.space();
    aged.allocator().defrag();
    const FreeSpaces after = aged.space();
    CHECK(after.now().largest == before.merged().largest);
    CHECK(after.merged().largest == before.merged().largest);
    CHECK(after.now().bytes == before.now().bytes);  // so fragmentation can only fall
    CHECK(after.now().fragmentation() == before.merged().fragmentation());
    CHECK(after.now().fragmentation() <= before.now().fragmentation());
    changed += after.now().fragmentation() < before.now().fragmentation() ? 1 : 0;
    if (after.now().bytes > 0) CHECK(aged.take(aged.now()) == std::uint64_t{0});
  });
  CHECK(changed > 100);
}
