#include "core/region/block_list.hpp"

namespace rheap {

namespace {

/// The last word of a free block: its size, or an odd previous link in a block too small for a
/// footer.
constexpr std::uint64_t size_from_footer(std::uint64_t last) {
  return (last & 1) != 0 ? smallest_block : last;
}

}  // namespace

Word BlockList::expect_after_free(Offset link, Word word, const char* invariant) const {
  if (memory_.load(link) == seal_.close(link, word)) return word;
  not_expected(link, invariant);
}

void BlockList::not_expected(Offset link, const char* invariant) const {
  static_cast<void>(follow(link));  // a word at all?
  damaged(link, invariant);
}

[[gnu::cold]] void BlockList::open(const SealedOffset& field, Opened& known, Offset end) const {
  const Offset place = memory_.place_of(field);
  const Offset target = Seal::target(field.raw);
  if (!seal_.holds(place, field.raw) || target < first_block || target > end) {
    damaged(place, "an offset's check code");
  }
  known = {field.raw, target};
}

Block BlockList::previous(Offset block) const {
  const std::uint64_t size = size_from_footer(memory_.load(footer_before(block)));
  const Offset previous = block - size;
  return {previous, expect(previous, size, State::free, "a free block's footer")};
}

void BlockList::split(Offset block, Word word, std::uint64_t front, State rest) {
  RHEAP_ASSERT(front >= smallest_block && word.size() - front >= smallest_block);
  mark(block + front, {word.size() - front, rest, word.state() == State::free});
  mark(block, {front, word.state(), word.after_free()});
}

void BlockList::absorb(Offset block, Word& word, std::uint64_t extra) {
  const Offset swallowed = block + word.size();
  word = word.with_size(word.size() + extra);
  mark(block, word);
  wipe(swallowed);
}

void BlockList::retract(Offset block) {
  set_wilderness(block);
  wipe(block);
}

void BlockList::begin_move(Offset from, Offset to, std::uint64_t size) {
  MoveHeader& move = memory_.header().move;
  Memory::store(move.from.value, from.value);
  Memory::store(move.size, size);
  Memory::store(move.done, std::uint64_t{0});
  Memory::store(move.to.raw, seal_.close(memory_.place_of(move.to), to));
}

std::optional<Offset> BlockList::move_target() const {
  const SealedOffset& to = memory_.header().move.to;
  if (to.raw == 0) return {};
  const Offset place = memory_.place_of(to);
  const Offset target = Seal::target(to.raw);
  if (!seal_.holds(place, to.raw) || !is_place(target)) damaged(place, "an offset's check code");
  return target;
}

void BlockList::verify_footer(Offset block, std::uint64_t size) const {
  if (size_from_footer(memory_.load(footer_of(block, size))) != size) {
    damaged(footer_of(block, size), "a free block's footer");
  }
}

}  // namespace rheap
