#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/allocator/allocator.hpp"

namespace rheap::replay {

/// What an operation did to one list: from its member number `at` on, `removed` members went, and
/// `added` came.
struct Splice {
  std::size_t list;
  std::size_t at;
  std::size_t removed;
  std::vector<Offset> added;
};

/// The lists of the blocks without an owner, read whole after each operation: for short runs.
///
/// First those of the deferred blocks, one a size; then those of the free index, or the one list of
/// the other policies.
class ListWatch {
 public:
  explicit ListWatch(const Allocator& allocator) : allocator_(allocator), known_(lists) {}

  /// How the lists have changed since the last call.
  std::vector<Splice> look();

  static constexpr std::size_t index_lists = std::size_t{first_level} * second_level;
  static constexpr std::size_t lists = quick_lists + index_lists + 1;
  /// The least that a block of such a list has, in bytes; 0 for the list in address order.
  static std::uint64_t least_size(std::size_t list);

 private:
  [[nodiscard]] Offset head_of(std::size_t list) const;

  const Allocator& allocator_;
  std::vector<std::vector<Offset>> known_;
};

}  // namespace rheap::replay
