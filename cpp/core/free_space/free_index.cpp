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

void FreeIndex::replace(Hole old, Hole made) {
  const unsigned from = list_of(old.size);
  const unsigned to = list_of(made.size);
  if (from == to && old.start == made.start) return;
  const Links links = verified_links(old.start, from);
  if (from != to) {
    unlink(links, from);
    push(made.start, to);
    return;
  }
  // It stays in its list, between the same neighbours.
  const auto [next, previous] = links;
  link_next(made.start, next);
  link_previous(made.start, previous);
  if (next) link_previous(next, made.start);
  if (previous) {
    link_next(previous, made.start);
  } else {
    Memory::store(head(from).value, made.start.value);
  }
}

Hole FreeIndex::find(std::uint64_t size) const {
  if (size > capacity_limit) return {};
  unsigned list = list_of(size);
  if (list >= linear_lists) {
    if (head(list)) {
      if (const Hole best = best_in(list, size)) return best;
    }
    ++list;  // from here on every block is large enough
  }
  list = used_from(list);
  return list < lists ? best_in(list, size) : Hole{};
}

unsigned FreeIndex::used_from(unsigned list) const {
  const FreeIndexHeader& index = memory_.header().index;
  unsigned row = row_of(list);
  if (row >= first_level) return lists;
  std::uint32_t columns = index.columns[row] & ~0U << list % second_level;
  if (columns == 0) {
    const std::uint64_t rows = index.rows & ~std::uint64_t{1} << row;
    if (rows == 0) return lists;
    row = static_cast<unsigned>(std::countr_zero(rows));
    if (row < first_level) columns = index.columns[row];
    if (columns == 0) BlockList::damaged({}, "a bit for each list");
  }
  return row * second_level + static_cast<unsigned>(std::countr_zero(columns));
}

Hole FreeIndex::best_in(unsigned list, std::uint64_t size) const {
  if (list < linear_lists) return {first_in(list), size_in(list)};  // of one size
  Hole best{};
  unsigned left = compared;
  auto look = [&](Offset block, Word word) {
    const bool better = word.size() < best.size || (word.size() == best.size && block < best.start);
    if (word.size() >= size && (!best || better)) best = {block, word.size()};
    return --left == 0;
  };
  static_cast<void>(search_list(list, look));
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
  std::uint64_t largest = 0;
  auto look = [&largest](Offset, Word word) {
    largest = std::max(largest, word.size());
    return false;
  };
  static_cast<void>(search_list(row * second_level + column, look));
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
