#pragma once

#include <array>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>

#include "core/region/layout.hpp"

namespace rheap {

/// Which hole a request takes. `segregated` finds one that is nearly the smallest in constant time;
/// those of the textbooks look at one hole after the other; `chosen` asks a Chooser.
enum class Policy : std::uint16_t { segregated, first, next, best, worst, chosen };

/// As people write them; `chosen` needs a Chooser and so has no name.
inline constexpr std::array policy_names{"segregated", "first", "next", "best", "worst"};

/// Bytes without an owner: a free block or, behind all of them, the wilderness.
struct Hole {
  Offset start;
  std::uint64_t size;  ///< the word included; 0 for none

  explicit operator bool() const { return size > 0; }
  [[nodiscard]] Offset end() const { return start + size; }
};

/// A block that is to be made.
struct Request {
  std::uint64_t size;   ///< the word included
  std::uint64_t align;  ///< of the payload's offset

  /// Where the block starts in a hole that starts here, so that its payload is aligned and what is
  /// cut off before it is nothing or a block.
  [[nodiscard]] Offset start_in(Offset hole) const {
    if (align == 8) return hole;
    Offset start = block_of({align_up(payload_of(hole).value, align)});
    while (start != hole && start - hole < smallest_block) start = start + align;
    return start;
  }
  [[nodiscard]] bool fits(Hole hole) const { return start_in(hole.start) + size <= hole.end(); }
  /// What a hole must have for the block to fit wherever the hole starts.
  [[nodiscard]] std::uint64_t size_anywhere() const { return size + align + smallest_block - 8; }
};

/// A placement policy from outside the core. May throw, since the region has not changed yet.
class Chooser {
 public:
  virtual ~Chooser() = default;
  /// The start of the hole to take, or nothing to refuse. The holes come in address order.
  virtual std::optional<Offset> choose(std::uint64_t size, std::span<const Hole> holes) = 0;
};

/// The Chooser named a place that is no hole, or one that is too small.
struct WrongChoice : std::exception {
  Offset chosen;
  std::uint64_t size;  ///< of the request

  WrongChoice(Offset chosen_, std::uint64_t size_) : chosen(chosen_), size(size_) {}
  [[nodiscard]] const char* what() const noexcept override { return "not a hole that fits"; }
};

}  // namespace rheap
