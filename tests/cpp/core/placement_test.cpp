#include "core/free_space/placement.hpp"

#include <initializer_list>
#include <vector>

#include "core/allocator/allocator.hpp"
#include "core/allocator/check.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

namespace {

/// A region that is full but for holes of these sizes, the words included, in this order.
class Holed {
 public:
  Holed(Policy policy, std::initializer_list<std::uint64_t> holes, Chooser* chooser = nullptr)
      : allocator_({.capacity = capacity_for(holes),
                    .coalesce = Coalesce::immediate,
                    .policy = policy,
                    .chooser = chooser}) {
    std::vector<Allocation> given;
    for (const std::uint64_t size : holes) {
      given.push_back(allocator_.allocate(size - word_bytes, 8));
      allocator_.allocate(wall - word_bytes, 8);
    }
    for (const Allocation& allocation : given) {
      starts_.push_back(block_of(allocation.payload));
      allocator_.release(allocation.payload, allocation.usable);
    }
    check_invariants(allocator_);
  }

  /// Where in which hole the block of this size went, as hole number and bytes into it.
  std::pair<int, std::uint64_t> take(std::uint64_t size) {
    const Offset start = block_of(allocator_.allocate(size - word_bytes, 8).payload);
    check_invariants(allocator_);
    int hole = -1;
    for (const Offset each : starts_) hole += each <= start ? 1 : 0;
    return {hole, start - starts_[static_cast<std::size_t>(hole)]};
  }
  bool refuses(std::uint64_t size) {
    try {
      allocator_.allocate(size - word_bytes, 8);
      return false;
    } catch (const Exhausted&) {
      return true;
    }
  }
  Allocator& allocator() { return allocator_; }

 private:
  static constexpr std::uint64_t wall = smallest_block;
  static std::uint64_t capacity_for(std::initializer_list<std::uint64_t> holes) {
    std::uint64_t sum = 0;
    for (const std::uint64_t size : holes) sum += size + wall;
    return sum;
  }

  Allocator allocator_;
  std::vector<Offset> starts_;
};

using At = std::pair<int, std::uint64_t>;

}  // namespace

// Arpaci-Dusseau, "Operating Systems: Three Easy Pieces", chapter 17: holes of 10, 30 and 20, a
// request of 15. Here in units of 8 bytes.
TEST("three easy pieces: best fit leaves 5, first and worst fit leave 15") {
  CHECK(Holed(Policy::best, {80, 240, 160}).take(120) == At(2, 0));
  CHECK(Holed(Policy::first, {80, 240, 160}).take(120) == At(1, 0));
  CHECK(Holed(Policy::worst, {80, 240, 160}).take(120) == At(1, 0));
  CHECK(Holed(Policy::next, {80, 240, 160}).take(120) == At(1, 0));
}

// Silberschatz, Galvin, Gagne, "Operating System Concepts", the exercise on partitions of 100, 500,
// 200, 300 and 600 KB and processes of 212, 417, 112 and 426 KB.
TEST("the exercise of five partitions: only best fit places all four") {
  constexpr std::uint64_t k = 1024;
  const auto partitions = {100 * k, 500 * k, 200 * k, 300 * k, 600 * k};
  Holed first(Policy::first, partitions);
  CHECK(first.take(212 * k) == At(1, 0));
  CHECK(first.take(417 * k) == At(4, 0));
  CHECK(first.take(112 * k) == At(1, 212 * k));
  CHECK(first.refuses(426 * k));

  Holed best(Policy::best, partitions);
  CHECK(best.take(212 * k) == At(3, 0));
  CHECK(best.take(417 * k) == At(1, 0));
  CHECK(best.take(112 * k) == At(2, 0));
  CHECK(best.take(426 * k) == At(4, 0));

  Holed worst(Policy::worst, partitions);
  CHECK(worst.take(212 * k) == At(4, 0));
  CHECK(worst.take(417 * k) == At(1, 0));
  CHECK(worst.take(112 * k) == At(4, 212 * k));
  CHECK(worst.refuses(426 * k));

  Holed next(Policy::next, partitions);
  CHECK(next.take(212 * k) == At(1, 0));
  CHECK(next.take(417 * k) == At(4, 0));
  CHECK(next.take(112 * k) == At(4, 417 * k));
  CHECK(next.refuses(426 * k));
}

// Knuth, "The Art of Computer Programming" 1, 2.5, where first fit and best fit are compared: areas
// of 1300 and 1200, requests of 1000, 1100 and 250. Here in units of 8 bytes.
TEST("first fit meets three requests that best fit does not") {
  Holed first(Policy::first, {10'400, 9'600});
  CHECK(first.take(8'000) == At(0, 0));
  CHECK(first.take(8'800) == At(1, 0));
  CHECK(first.take(2'000) == At(0, 8'000));

  Holed best(Policy::best, {10'400, 9'600});
  CHECK(best.take(8'000) == At(1, 0));
  CHECK(best.take(8'800) == At(0, 0));
  CHECK(best.refuses(2'000));
}

// Knuth, the same section, exercise 6: to start each search where the last one ended.
TEST("next fit goes round the holes") {
  Holed next(Policy::next, {240, 240, 240});
  CHECK(next.take(80) == At(0, 0));
  CHECK(next.take(200) == At(1, 0));
  CHECK(next.take(80) == At(2, 0));
  CHECK(next.take(160) == At(2, 80));
  CHECK(next.take(80) == At(0, 80));
  CHECK(next.take(80) == At(0, 160));
  CHECK(next.refuses(80));
}

TEST("of equal holes the lowest is taken") {
  for (const Policy policy : {Policy::first, Policy::next, Policy::best, Policy::worst}) {
    CHECK(Holed(policy, {80, 80, 80}).take(80) == At(0, 0));
  }
}

TEST("the wilderness is the last hole") {
  Allocator worst({.capacity = 1000, .coalesce = Coalesce::immediate, .policy = Policy::worst});
  const Allocation one = worst.allocate(192, 8);
  worst.allocate(192, 8);
  worst.release(one.payload, one.usable);
  CHECK(worst.allocate(192, 8).payload == first_block + 408);  // 600 bytes are more than 200
  CHECK(worst.allocate(192, 8).payload == first_block + 608);  // and 400 too
  CHECK(worst.allocate(192, 8).payload == first_block + 8);    // 200 are not: the lowest
  CHECK(worst.allocate(192, 8).payload == first_block + 808);
  check_invariants(worst);

  Allocator best({.capacity = 400, .coalesce = Coalesce::immediate, .policy = Policy::best});
  const Allocation hole = best.allocate(232, 8);
  best.allocate(24, 8);
  best.release(hole.payload, hole.usable);
  CHECK(best.allocate(112, 8).payload == first_block + 280);  // 128 bytes fit better than 240
}

TEST("an aligned block takes a hole that it fits at its alignment") {
  for (const Policy policy : {Policy::first, Policy::next, Policy::best, Policy::worst}) {
    Allocator allocator({.capacity = 1 << 20, .coalesce = Coalesce::immediate, .policy = policy});
    std::vector<Allocation> given;
    for (int number = 0; number < 20; ++number) given.push_back(allocator.allocate(5000, 8));
    for (std::size_t number = 0; number < 20; number += 2) {
      allocator.release(given[number].payload, given[number].usable);
    }
    for (const std::uint64_t align : {16UL, 256UL, 4096UL}) {
      CHECK(is_aligned(allocator.allocate(700, align).payload, align));
      check_invariants(allocator);
    }
  }
}

namespace {

struct Stubborn : Chooser {
  std::optional<Offset> answer;
  std::vector<Hole> seen;
  std::optional<Offset> choose(std::uint64_t, std::span<const Hole> holes) override {
    seen.assign(holes.begin(), holes.end());
    return answer;
  }
};

}  // namespace

TEST("a chooser sees all holes, and what it chooses is verified") {
  Stubborn chooser;
  chooser.answer = first_block;
  Allocator allocator({.capacity = 1000,
                       .coalesce = Coalesce::immediate,
                       .policy = Policy::chosen,
                       .chooser = &chooser});
  const Allocation one = allocator.allocate(92, 8);
  CHECK(chooser.seen.size() == 1 && chooser.seen[0].size == 1000);
  chooser.answer = first_block + 104;
  allocator.allocate(92, 8);
  allocator.release(one.payload, one.usable);

  for (const Offset wrong : {first_block + 8, first_block, Offset{}, first_block + 104}) {
    chooser.answer = wrong;  // no hole; too small; the header; a live block
    CHECK(CHECK_THROWS<WrongChoice>([&] { allocator.allocate(200, 8); }).chosen == wrong);
    check_invariants(allocator);
  }
  CHECK(chooser.seen.size() == 2 && chooser.seen[0].start == first_block);
  chooser.answer.reset();
  CHECK_THROWS<Exhausted>([&] { allocator.allocate(8, 8); });
  chooser.answer = chooser.seen[1].start;
  CHECK(block_of(allocator.allocate(8, 8).payload) == first_block + 208);
  check_invariants(allocator);
}
