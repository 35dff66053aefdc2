#pragma once

#include <array>
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

  [[nodiscard, gnu::always_inline]] std::uint64_t close(Offset block, Word word) const {
    return closed(block, word.raw() & ~flag_bits, word.raw() & flag_bits);
  }
  /// As `close`, of a word that does not say `after_free`.
  [[nodiscard, gnu::always_inline]] std::uint64_t close(Offset block, std::uint64_t size,
                                                        State state) const {
    return closed(block, size - 8, flags_of(state));
  }
  /// What `raw` is once its block went from one state to another. Bytes that nobody sealed stay
  /// bytes that nobody sealed.
  static constexpr std::uint64_t turned(std::uint64_t raw, State from, State to) {
    return raw ^ flag_parts[flags_of(from)] ^ flag_parts[flags_of(to)];
  }
  /// An offset is said in units of 8 bytes.
  [[nodiscard]] std::uint64_t close(Offset field, Offset target) const {
    const std::uint64_t said = target.value / 8;
    return closed(field, said & ~flag_bits, said & flag_bits);
  }
  /// Whether these bytes were written by this heap for this place.
  [[nodiscard, gnu::always_inline]] bool holds(Offset place, std::uint64_t raw) const {
    return raw == closed(place, raw & Word::bits & ~flag_bits, raw & flag_bits);
  }
  /// The offset in bytes for which `holds` is true.
  static Offset target(std::uint64_t raw) { return {(raw & Word::bits) * 8}; }

 private:
  /// State and `after_free`.
  static constexpr std::uint64_t flag_bits = (std::uint64_t{1} << Word::payload_bit) - 1;
  static constexpr std::uint64_t flags_of(State state) {
    return static_cast<std::uint64_t>(state) << Word::state_bit;
  }
  /// The flags, and what they change in the check code: each bit has a pattern of its own, which no
  /// others make up. So a state is changed by one exclusive or, without the hash.
  static constexpr std::array<std::uint64_t, flag_bits + 1> flag_parts = [] {
    constexpr std::array<std::uint64_t, Word::payload_bit> patterns{
        0x94D049BB133111EBU, 0xD6E8FEB86659FD93U, 0xA0761D6478BD642FU};
    std::array<std::uint64_t, flag_bits + 1> parts{};
    for (std::uint64_t flags = 0; flags < parts.size(); ++flags) {
      for (unsigned bit = 0; bit < patterns.size(); ++bit) {
        if ((flags >> bit & 1) != 0) parts[flags] ^= patterns[bit] & ~Word::bits;
      }
      parts[flags] ^= flags;
    }
    return parts;
  }();

  // Multiply-shift hashing (Dietzfelbinger, Hagerup, Katajainen, Penttonen, 1997): the upper bits
  // of a product with an odd constant depend on every bit below, so each bit of offset and size
  // reaches the 24 bits on top. The constants are those of SplitMix64.
  [[nodiscard, gnu::always_inline]] std::uint64_t closed(Offset place, std::uint64_t said,
                                                         std::uint64_t flags) const {
    const std::uint64_t key = (place.value * 0x9E3779B97F4A7C15U) ^ secret_;
    const std::uint64_t hash = (said ^ key) * 0xBF58476D1CE4E5B9U;
    return (hash & ~Word::bits) ^ said ^ flag_parts[flags];
  }

  std::uint64_t secret_;
};

}  // namespace rheap
