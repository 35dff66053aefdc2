#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <random>

#include "core/allocator/allocator.hpp"
#include "cpp/testing.hpp"

namespace rheap::testing {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t next() { return engine_(); }
  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  bool one_in(std::uint64_t chances) { return below(chances) == 0; }
  /// Small ones as often as large ones: evenly spread over the powers of two.
  std::uint64_t size(unsigned bits) { return below(std::uint64_t{1} << below(bits + 1)); }
  std::uint64_t align(unsigned bits) { return std::uint64_t{8} << below(bits - 2); }

 private:
  std::mt19937_64 engine_;
};

inline std::byte pattern(std::uint64_t seed, std::uint64_t index) {
  return static_cast<std::byte>((seed + index * 167 + (index >> 8)) & 0xFF);
}
inline void fill(std::byte* begin, std::uint64_t bytes, std::uint64_t seed) {
  for (std::uint64_t index = 0; index < bytes; ++index) begin[index] = pattern(seed, index);
}
inline bool filled(const std::byte* begin, std::uint64_t bytes, std::uint64_t seed) {
  for (std::uint64_t index = 0; index < bytes; ++index) {
    if (begin[index] != pattern(seed, index)) return false;
  }
  return true;
}
inline bool filled_with(const std::byte* begin, std::uint64_t bytes, std::byte value) {
  for (std::uint64_t index = 0; index < bytes; ++index) {
    if (begin[index] != value) return false;
  }
  return true;
}

/// In a build that checks itself after every operation: not here, where the operations are to meet
/// the damage themselves.
struct [[maybe_unused]] Unchecked {
#if RHEAP_CHECK >= 2
  Unchecked() { check_every_operation = false; }
  ~Unchecked() { check_every_operation = true; }
  Unchecked(const Unchecked&) = delete;
  Unchecked& operator=(const Unchecked&) = delete;
#endif
};

/// What the allocator is held to: the live blocks in address order, each with its own contents.
class Model {
 public:
  struct Held {
    std::uint64_t usable;
    std::uint64_t bytes;
    std::uint64_t align;
    std::uint64_t seed;
  };
  struct Limits {
    unsigned size_bits = 12;
    unsigned align_bits = 8;
    unsigned upkeep = 5;  ///< of 1000 operations, how many are `defrag` or `trim`
  };
  using Blocks = std::map<Offset, Held>;

  Model(Allocator& allocator, std::uint64_t seed) : allocator_(allocator), random_(seed) {}

  /// Returns the block, or none when the allocator refused, and was right to.
  Offset allocate(std::uint64_t bytes, std::uint64_t align) {
    Allocation given;
    try {
      given = allocator_.allocate(bytes, align);
    } catch (const Exhausted& refused) {
      CHECK(refused.requested == bytes && refused.largest <= refused.free);
      CHECK(damaged_ || !fits_somewhere(bytes, align));
      return {};
    }
    CHECK(given.usable >= bytes && given.payload.value % align == 0);
    if (allocator_.fenced()) {
      CHECK(filled_with(at(given.payload), bytes, fence::new_pattern));
    } else {
      CHECK(given.dirty <= bytes);
      CHECK(filled_with(at(given.payload) + given.dirty, bytes - given.dirty, std::byte{0}));
    }
    hold(given.payload, {given.usable, bytes, align, random_.next()});
    return given.payload;
  }

  void release(Offset payload) {
    const Held held = blocks_.at(payload);
    CHECK(filled(at(payload), held.bytes, held.seed));
    if (damaged_) return release_damaged(payload, held.usable);
    busy_ = payload;
    allocator_.release(payload, held.usable);
    busy_ = {};
    blocks_.erase(payload);
  }

  /// Returns where the block is now, or none when it is as it was.
  Offset resize(Offset payload, std::uint64_t bytes) {
    const Held held = blocks_.at(payload);
    busy_ = payload;
    Allocation given;
    try {
      given = allocator_.resize(payload, held.usable, held.bytes, bytes, held.align);
    } catch (const Exhausted&) {
      busy_ = {};
      static_cast<void>(allocator_.verify_live(payload, held.usable));
      CHECK(filled(at(payload), held.bytes, held.seed));
      return {};
    }
    if (given.payload != payload) {
      damaged_ ? release_verified(payload, held.usable) : allocator_.release(payload, held.usable);
    }
    busy_ = {};
    CHECK(given.usable >= bytes && given.payload.value % held.align == 0);
    CHECK(filled(at(given.payload), std::min(bytes, held.bytes), held.seed));
    blocks_.erase(payload);
    hold(given.payload, {given.usable, bytes, held.align, held.seed});
    return given.payload;
  }

  /// One random operation.
  void step() { step(Limits{}); }
  void step(Limits limits) {
    const std::uint64_t dice = random_.below(1000);
    if (dice < limits.upkeep * 3 / 5) {
      allocator_.defrag();
    } else if (dice < limits.upkeep) {
      allocator_.trim();
    } else if (dice < 520 || blocks_.empty()) {
      const std::uint64_t align = random_.one_in(4) ? random_.align(limits.align_bits) : 8;
      allocate(random_.size(limits.size_bits), align);
    } else if (dice < 850) {
      release(any());
    } else {
      resize(any(), random_.size(limits.size_bits));
    }
  }

  void release_all() {
    while (!blocks_.empty()) release(any());
  }

  /// Every block is still live, and its own.
  void verify() const {
    for (const auto& [payload, held] : blocks_) {
      static_cast<void>(allocator_.verify_live(payload, held.usable));
      CHECK(filled(at(payload), held.bytes, held.seed));
    }
  }

  /// What the owners wrote is still there, whatever the allocator thinks of it.
  void verify_contents() const {
    for (const auto& [payload, held] : blocks_) {
      CHECK(filled(at(payload), held.bytes, held.seed));
    }
  }
  /// From here on the allocator may refuse what there is room for, and say Damage.
  void expect_damage() { damaged_ = true; }

  [[nodiscard]] Offset any() {
    const Region& region = allocator_.region();
    const auto found = blocks_.lower_bound(first_block + random_.below(region.capacity()));
    return found != blocks_.end() ? found->first : blocks_.begin()->first;
  }
  [[nodiscard]] const Blocks& blocks() const { return blocks_; }
  /// The block that an operation under way gives back or resizes.
  [[nodiscard]] Offset busy() const { return busy_; }
  /// For tests that end an operation half-way: what becomes of that block is not known.
  void forget_busy() {
    blocks_.erase(busy_);
    busy_ = {};
  }
  [[nodiscard]] Random& random() { return random_; }

 private:
  /// Who does not verify before may lose this block, but no other.
  void release_damaged(Offset payload, std::uint64_t usable) {
    if (random_.one_in(2)) {
      allocator_.verify_release(payload, usable);
      return release_verified(payload, usable);
    }
    blocks_.erase(payload);
    allocator_.release(payload, usable);
  }
  void release_verified(Offset payload, std::uint64_t usable) {
    blocks_.erase(payload);
    try {
      allocator_.take_back(payload, usable);
    } catch (const Damage& damage) {
      fail(std::string("found too late: ") + damage.invariant);
    }
    allocator_.keep_up();
  }

  [[nodiscard]] std::byte* at(Offset place) const { return allocator_.region().address(place); }

  void hold(Offset payload, const Held& held) {
    const auto behind = blocks_.lower_bound(payload);
    if (behind != blocks_.end()) CHECK(payload + held.usable + word_bytes <= behind->first);
    if (behind != blocks_.begin()) {
      const auto before = std::prev(behind);
      CHECK(before->first + before->second.usable + word_bytes <= payload);
    }
    CHECK(payload >= payload_of(first_block) && payload + held.usable <= allocator_.region().end());
    fill(at(payload), held.bytes, held.seed);
    blocks_.emplace(payload, held);
  }

  /// Whether a hole, or the wilderness, has a place for such a block. Written without regard to
  /// how the allocator looks for one.
  [[nodiscard]] bool fits_somewhere(std::uint64_t bytes, std::uint64_t align) const {
    const Region& region = allocator_.region();
    if (bytes > region.capacity()) return false;
    const std::uint64_t fence = allocator_.fenced() ? fence::fence_bytes : 0;
    const std::uint64_t size = std::max(smallest_block, align_up(bytes, 8) + word_bytes + fence);
    const auto fits = [&](Offset hole, std::uint64_t usable) {
      for (std::uint64_t gap = 0; gap + size <= usable; gap += 8) {
        const bool cuts_well = gap == 0 || gap >= smallest_block;
        if (cuts_well && payload_of(hole + gap).value % align == 0) return true;
      }
      return false;
    };
    const Offset wilderness = allocator_.blocks().wilderness();
    bool found = fits(wilderness, region.end() - wilderness);
    allocator_.blocks().walk([&](Offset block, Word word) {
      found = found || (word.state() != State::live && fits(block, word.size()));
    });
    return found;
  }

  Allocator& allocator_;
  Random random_;
  Blocks blocks_;
  Offset busy_;
  bool damaged_ = false;
};

}  // namespace rheap::testing
