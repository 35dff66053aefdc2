#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>

#include "../core/offset.hpp"

namespace rheap::replay {

/// The gaps between live blocks, neighbours joined, kept up while blocks come and go: which is the
/// largest is known after each of them, in logarithmic time. A walk would look at every block.
class Gaps {
 public:
  /// Everything from here on is one gap, which has no end.
  explicit Gaps(Offset first) { by_place_.emplace(first.value, endless); }

  /// A block lives here now, inside one gap.
  void take(Offset block, std::uint64_t size);
  /// It is no more.
  void give(Offset block, std::uint64_t size);
  /// The bytes of the largest gap, as far as it lies below the wilderness.
  [[nodiscard]] std::uint64_t largest(Offset wilderness) const;

 private:
  static constexpr std::uint64_t endless = std::numeric_limits<std::uint64_t>::max();
  using Gap = std::map<std::uint64_t, std::uint64_t>::iterator;  // where it starts, where it ends

  void add(std::uint64_t start, std::uint64_t end);
  void remove(Gap gap);

  std::map<std::uint64_t, std::uint64_t> by_place_;
  std::map<std::uint64_t, std::size_t> by_size_;  // how many, but for the endless one
};

}  // namespace rheap::replay
