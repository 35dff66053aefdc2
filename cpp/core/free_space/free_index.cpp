#include "core/free_space/free_index.hpp"

#include <algorithm>

namespace rheap {

void FreeIndex::verify_insert(std::uint64_t size) const {
  const unsigned list = list_of(size);
  if (head(list)) static_cast<void>(first_in(list));
}

void FreeIndex::verify_remove(Offset block, std::uint64_t size) const {
  static_cast<void>(verified_links(block, list_of(size)));
}

void FreeIndex::remove(Offset block, std::uint64_t size) {
  const unsigned list = list_of(size);
  unlink(verified_links(block, list), list);
}

Hole FreeIndex::best_of_several(unsigned list, std::uint64_t size) const {
  Hole best{};
  unsigned left = compared;
  search_list(list, [&](Offset block, Word word) {
    const bool better = word.size() < best.size || (word.size() == best.size && block < best.start);
    if (word.size() >= size && (!best || better)) best = {block, word.size()};
    return --left == 0;
  });
  return best;
}

std::uint64_t FreeIndex::largest() const {
  const FreeIndexHeader& index = memory_.header().index;
  if (index.rows == 0) return 0;
  const auto row = static_cast<unsigned>(std::bit_width(index.rows)) - 1;
  if (row >= first_level || index.columns[row] == 0) {
    BlockList::damaged({}, "a bit for each list");
  }
  const auto column = static_cast<unsigned>(std::bit_width(index.columns[row])) - 1;
  const unsigned list = row * second_level + column;
  if (list < linear_lists) return size_in(list);
  std::uint64_t largest = 0;
  search_list(list, [&](Offset, Word word) {
    largest = std::max(largest, word.size());
    return false;
  });
  return largest;
}

void FreeIndex::clear() { memory_.header().index = FreeIndexHeader{}; }

void FreeIndex::verify_bits() const {
  const FreeIndexHeader& index = memory_.header().index;
  for (unsigned row = 0; row < 64; ++row) {
    const bool used = (index.rows >> row & 1) != 0;
    if (used != (row < first_level && index.columns[row] != 0)) {
      BlockList::damaged({}, "a bit for each row that has a list");
    }
  }
  for (unsigned list = 0; list < lists; ++list) {
    const bool used = (index.columns[row_of(list)] & bit_of(list)) != 0;
    if (used != static_cast<bool>(head(list))) {
      BlockList::damaged({}, "a bit for each list that has a block");
    }
  }
}

}  // namespace rheap
