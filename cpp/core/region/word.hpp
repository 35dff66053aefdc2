#pragma once

#include <cstdint>

#include "core/region/offset.hpp"

namespace rheap {

/// What a block is. The states and who may change them:
///
///             alloc                  free                    merge
///   wilderness ----> live  ----------------------> deferred -------> free
///                     ^  \_________________________________________/ |
///                     |            free, coalesce="immediate"        |
///                     +----------------------------------------------+
///
/// Live and not live is the truth; deferred against free says which list a block waits in.
enum class State : std::uint64_t {
  live = 0,      ///< has an owner
  deferred = 1,  ///< given back, unmerged, ready for the next request of its size
  free = 2,      ///< given back and merged with its free neighbours; has links and a footer
};

constexpr const char* name_of(State state) {
  return state == State::live ? "live" : state == State::deferred ? "deferred" : "free";
}

/// What the header of a block says, in the 40 bits that say it:
///
///   63            40 39                          3 2   1 0
///   [ check code 24 | payload in units of 8 bytes | state | after_free ]
///
/// The payload is counted, not the block, so that a block of 1 TiB still fits 37 bits; `size` is
/// that of the whole block, its word included. `after_free`: the block before this one is `free`,
/// so its footer can be read.
class Word {
 public:
  static constexpr unsigned state_bit = 1;    ///< the lowest of the state's; `after_free` is bit 0
  static constexpr unsigned payload_bit = 3;  ///< the lowest of the payload's
  static constexpr unsigned bit_count = 40;   ///< the check code stands above them
  static constexpr std::uint64_t bits = (std::uint64_t{1} << bit_count) - 1;

  constexpr Word() = default;
  constexpr explicit Word(std::uint64_t raw) : low_(raw & bits) {}
  constexpr Word(std::uint64_t size, State state, bool after_free)
      : low_((size - 8) | static_cast<std::uint64_t>(state) << state_bit | (after_free ? 1U : 0U)) {
  }

  [[nodiscard]] constexpr std::uint64_t size() const {
    return (low_ >> payload_bit << payload_bit) + 8;
  }
  [[nodiscard]] constexpr State state() const { return static_cast<State>(low_ >> state_bit & 3); }
  [[nodiscard]] constexpr bool after_free() const { return (low_ & 1) != 0; }
  [[nodiscard]] constexpr std::uint64_t raw() const { return low_; }

  [[nodiscard]] constexpr Word with(State state) const { return {size(), state, after_free()}; }
  [[nodiscard]] constexpr Word with_size(std::uint64_t size) const {
    return {size, state(), after_free()};
  }
  [[nodiscard]] constexpr Word after(bool is_free) const { return {size(), state(), is_free}; }

 private:
  std::uint64_t low_ = 0;
};

/// Signs the words of blocks and offsets in the header, and recognises what it signed. The check
/// code is a keyed hash of the place and of the 40 bits that stand there, so they are valid only
/// where they were written and only in this heap. Random bytes pass with probability 2^-24.
class Seal {
 public:
  explicit Seal(std::uint64_t secret) : secret_(secret) {}

  [[nodiscard]] std::uint64_t close(Offset block, Word word) const {
    return word.raw() | check_code(block, word.raw());
  }
  /// An offset is said in units of 8 bytes.
  [[nodiscard]] std::uint64_t close(Offset field, Offset target) const {
    return target.value / 8 | check_code(field, target.value / 8);
  }
  /// Whether these bytes were written by this heap for this place.
  [[nodiscard]] bool holds(Offset place, std::uint64_t raw) const {
    return (raw & ~Word::bits) == check_code(place, raw & Word::bits);
  }
  /// The offset in bytes for which `holds` is true.
  static Offset target(std::uint64_t raw) { return {(raw & Word::bits) * 8}; }

 private:
  // Multiply-shift hashing (Dietzfelbinger, Hagerup, Katajainen, Penttonen, 1997): the upper bits
  // of a product with an odd constant depend on every bit below, so each bit of offset, size and
  // state reaches the 24 bits on top. The constants are those of SplitMix64.
  [[nodiscard]] std::uint64_t check_code(Offset place, std::uint64_t said) const {
    const std::uint64_t key = (place.value * 0x9E3779B97F4A7C15U) ^ secret_;
    return ((said ^ key) * 0xBF58476D1CE4E5B9U) & ~Word::bits;
  }

  std::uint64_t secret_;
};

}  // namespace rheap
