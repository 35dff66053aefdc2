#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "core/free_space/free_space.hpp"
#include "core/region/offset.hpp"

namespace rheap::replay {

/// The gaps between live blocks. Each change of a block costs logarithmic time, and the free space
/// that a full merge would give is known after it; `FreeSpaces` walks over every block for that.
class Gaps {
 public:
  /// All of a region is one gap, the wilderness included.
  Gaps(Offset first, Offset end) { add(first.value, end.value); }

  /// A block lives here now: its bytes leave the gap around them.
  void remove_block(Offset block, std::uint64_t size);
  /// The block is gone: its bytes are a gap.
  void add_block(Offset block, std::uint64_t size);
  [[nodiscard]] FreeSpace merged() const;

 private:
  using Gap = std::map<std::uint64_t, std::uint64_t>::iterator;  // where it starts, where it ends

  void add(std::uint64_t start, std::uint64_t end);
  void remove(Gap gap);

  std::map<std::uint64_t, std::uint64_t> by_place_;
  std::map<std::uint64_t, std::size_t> by_size_;  // how many
  std::uint64_t bytes_ = 0;
};

}  // namespace rheap::replay
