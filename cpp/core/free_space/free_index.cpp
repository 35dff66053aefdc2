#include "core/free_space/free_index.hpp"

#include <algorithm>
#include <bit>

namespace rheap {

FreeIndex::Cell FreeIndex::cell_of(std::uint64_t size) {
  if (size < linear_limit) return {0, static_cast<unsigned>(size / 8)};
  const auto log2 = static_cast<unsigned>(std::bit_width(size)) - 1;
  return {log2 - 7, static_cast<unsigned>(size >> (log2 - second_level_bits)) & (second_level - 1)};
}

Word FreeIndex::member(Offset block, Cell cell) const {
  constexpr auto invariant = "a free list of blocks of its sizes";
  if (cell.row == 0) return blocks_.expect(block, size_in(cell), State::free, invariant);
  const Word word = blocks_.follow(block);
  // The second level's number and the bit above it are the leading bits of the size.
  const bool belongs = word.size() >> (cell.row + 2) == (second_level | cell.column);
  if (word.state() != State::free || !belongs) BlockList::damaged(block, invariant);
  return word;
}

Offset FreeIndex::first_in(Cell cell) const {
  const Offset block = head(cell);
  static_cast<void>(member(block, cell));
  if (previous_link(block)) BlockList::damaged(block, "a list's back link");
  return block;
}

void FreeIndex::set_bit(Cell cell) {
  FreeIndexHeader& index = memory_.header().index;
  Memory::store(index.rows, index.rows | std::uint64_t{1} << cell.row);
  Memory::store(index.columns[cell.row], index.columns[cell.row] | 1U << cell.column);
}

void FreeIndex::clear_bit(Cell cell) {
  FreeIndexHeader& index = memory_.header().index;
  Memory::store(index.columns[cell.row], index.columns[cell.row] & ~(1U << cell.column));
  if (index.columns[cell.row] == 0) {
    Memory::store(index.rows, index.rows & ~(std::uint64_t{1} << cell.row));
  }
}

void FreeIndex::verify_insert(std::uint64_t size) const {
  const Cell cell = cell_of(size);
  if (head(cell)) static_cast<void>(first_in(cell));
}

void FreeIndex::insert(Offset block, std::uint64_t size) {
  const Cell cell = cell_of(size);
  const Offset next = head(cell) ? first_in(cell) : Offset{};
  link_next(block, next);
  link_previous(block, {});
  if (next) link_previous(next, block);
  Memory::store(head(cell).value, block.value);
  set_bit(cell);
}

void FreeIndex::replace(Hole hole, Hole rest) {
  const Cell cell = cell_of(hole.size);
  if (cell_of(rest.size) != cell) {
    remove(hole.start, hole.size);
    insert(rest.start, rest.size);
    return;
  }
  // It stays in its list, between the same neighbours.
  const auto [next, previous] = verified_links(hole.start, cell);
  link_next(rest.start, next);
  link_previous(rest.start, previous);
  if (next) link_previous(next, rest.start);
  if (previous) {
    link_next(previous, rest.start);
  } else {
    Memory::store(head(cell).value, rest.start.value);
  }
}

FreeIndex::Links FreeIndex::verified_links(Offset block, Cell cell) const {
  const Links links{next_link(block), previous_link(block)};
  if (links.next) {
    static_cast<void>(member(links.next, cell));
    if (previous_link(links.next) != block) {
      BlockList::damaged(links.next, "a list's back link");
    }
  }
  if (links.previous) {
    static_cast<void>(member(links.previous, cell));
    if (next_link(links.previous) != block) {
      BlockList::damaged(links.previous, "a list's forward link");
    }
  } else if (head(cell) != block) {
    BlockList::damaged(block, "a list's head");
  }
  return links;
}

void FreeIndex::verify_remove(Offset block, std::uint64_t size) const {
  static_cast<void>(verified_links(block, cell_of(size)));
}

void FreeIndex::remove(Offset block, std::uint64_t size) {
  const Cell cell = cell_of(size);
  const auto [next, previous] = verified_links(block, cell);
  if (next) link_previous(next, previous);
  if (previous) {
    link_next(previous, next);
  } else {
    Memory::store(head(cell).value, next.value);
    if (!next) clear_bit(cell);
  }
}

Hole FreeIndex::find(std::uint64_t size) const {
  if (size > capacity_limit) return {};
  Cell cell = cell_of(size);
  if (size >= linear_limit) {
    if (head(cell)) {
      if (const Hole best = best_in(cell, size)) return best;
    }
    cell = behind(cell);  // from here on every block is large enough
  }
  cell = used_from(cell);
  if (cell.row >= first_level) return {};
  // Lists of one size need no comparison.
  if (cell.row == 0) return {first_in(cell), size_in(cell)};
  return best_in(cell, size);
}

FreeIndex::Cell FreeIndex::used_from(Cell cell) const {
  const FreeIndexHeader& index = memory_.header().index;
  if (cell.row >= first_level) return cell;
  std::uint32_t columns = index.columns[cell.row] & ~0U << cell.column;
  if (columns == 0) {
    const std::uint64_t rows = index.rows & ~std::uint64_t{1} << cell.row;
    if (rows == 0) return {first_level, 0};
    cell.row = static_cast<unsigned>(std::countr_zero(rows));
    if (cell.row >= first_level) BlockList::damaged({}, "a bit for each list");
    columns = index.columns[cell.row];
    if (columns == 0) BlockList::damaged({}, "a bit for each list");
  }
  cell.column = static_cast<unsigned>(std::countr_zero(columns));
  return cell;
}

Hole FreeIndex::best_in(Cell cell, std::uint64_t size) const {
  Hole best{};
  unsigned left = compared;
  auto look = [&](Offset block, Word word) {
    const bool better = word.size() < best.size || (word.size() == best.size && block < best.start);
    if (word.size() >= size && (!best || better)) best = {block, word.size()};
    return --left == 0;
  };
  static_cast<void>(search_list(cell, look));
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
  static_cast<void>(search_list({row, column}, look));
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
    for (unsigned column = 0; row < first_level && column < second_level; ++column) {
      if (((index.columns[row] >> column & 1) != 0) != static_cast<bool>(head({row, column}))) {
        BlockList::damaged({}, "a bit for each list that has a block");
      }
    }
  }
}

}  // namespace rheap
