#pragma once

#include <bit>
#include <cstdint>
#include <optional>

#include "core/region/errors.hpp"
#include "core/region/layout.hpp"
#include "core/region/region.hpp"
#include "core/region/word.hpp"

namespace rheap {

/// A block whose word was verified, or none.
struct Block {
  Offset start;
  Word word;

  explicit operator bool() const { return static_cast<bool>(start); }
  [[nodiscard]] Offset end() const { return start + word.size(); }
};

/// Work done since the heap was made: blocks visited (a word that is only compared with the one
/// expected does not count), merges, and blocks cut in two.
struct Work {
  std::uint64_t visited = 0;
  std::uint64_t merged = 0;
  std::uint64_t split = 0;
};

/// The list of blocks: the truth about the region, from which all else can be rebuilt. Blocks
/// stand one behind the other, each word says where the next one starts.
///
/// Four primitives change the list, each by one decisive store, so that the blocks tile the region
/// between any two instructions. The rest (marks, footers) is a cache for quick merging.
class BlockList {
 public:
  explicit BlockList(Region& region) : memory_(region), region_(region), seal_(region.secret()) {}

  // --- reading: every word is verified before it is believed -------------------------------

  [[nodiscard]] Offset first() const { return first_block; }
  [[nodiscard]] Offset wilderness() const {
    return opened(memory_.header().wilderness, wilderness_, region_.committed());
  }
  /// No byte beyond it was ever part of a block.
  [[nodiscard]] Offset fresh() const {
    return opened(memory_.header().fresh, fresh_, region_.end());
  }

  /// The word of a block that is known to start here. Throws Damage.
  [[nodiscard, gnu::always_inline]] Word at(Offset block) const {
    ++work_.visited;
    const std::uint64_t raw = memory_.load(block);
    if (!seal_.holds(block, raw)) [[unlikely]]
      damaged(block, "a word's check code");
    return Word(raw);
  }
  /// The word at a place that comes from the region and so may be anything. Throws Damage.
  [[nodiscard, gnu::always_inline]] Word follow(Offset link) const {
    verify_place(link);
    const Word word = at(link);
    const bool sound = word.size() >= smallest_block && word.size() <= region_.committed() - link;
    if (!sound) [[unlikely]]
      damaged(link, "a block within the region");
    return word;
  }
  /// As `follow`, where size and state are known: one comparison of all 8 bytes. What is returned
  /// is made of what was known, so the processor need not wait for the load to go on.
  [[nodiscard, gnu::always_inline]] Word expect(Offset link, std::uint64_t size, State state,
                                                const char* invariant) const {
    verify_place(link);
    const std::uint64_t raw = memory_.load(link);
    const Word word{size, state, false};
    if (raw == seal_.close(link, word)) [[likely]]
      return word;
    return expect_after_free(link, word.after(true), invariant);
  }
  /// As `expect`, where the size is not known. Such a word never says `after_free`.
  [[nodiscard, gnu::always_inline]] Word expect_any(Offset link, State state,
                                                    const char* invariant) const {
    verify_place(link);
    ++work_.visited;
    const std::uint64_t raw = memory_.load(link);
    const std::uint64_t size = Word(raw).size();
    if (raw != seal_.close(link, size, state) || size > region_.committed() - link) [[unlikely]]
      not_expected(link, invariant);
    return {size, state, false};
  }
  /// Whether a block of this size and state, behind one that is not free, starts at this place of
  /// the region. It throws nothing: after a no, `expect` says what is wrong, if anything is.
  [[nodiscard, gnu::always_inline]] bool is(Offset block, std::uint64_t size, State state) const {
    return memory_.load(block) == seal_.close(block, size, state);
  }
  /// Whether it is aligned and within the region: the low bits of what is not come out on top.
  [[nodiscard, gnu::always_inline]] bool is_place(Offset link) const {
    static_assert(is_aligned(first_block, 8));
    return std::rotr(link - first_block, 3) < region_.places();
  }
  [[nodiscard]] Work& work() const { return work_; }
  /// The block behind this one, or none where the wilderness, as it was read before, starts.
  [[nodiscard, gnu::always_inline]] Block next(Block block, Offset wilderness) const {
    const Offset start = block.end();
    if (start < wilderness) return {start, at(start)};
    if (start > wilderness) [[unlikely]]
      damaged(block.start, "a block within the region");
    return {};
  }
  /// The free block before one whose word says `after_free`.
  [[nodiscard]] Block previous(Offset block) const;

  // --- the four primitives ------------------------------------------------------------------

  /// Cuts `block` behind `front` bytes; the rest becomes a block in state `rest`.
  void split(Offset block, Word word, std::uint64_t front, State rest);
  /// Lets `block` swallow the block of `extra` bytes behind it, and wipes that one's word.
  void absorb(Offset block, Word& word, std::uint64_t extra);
  /// Makes a block of the first `word.size()` bytes of the wilderness, which starts here.
  Offset extend(Offset wilderness, Word word) {
    const Offset behind = wilderness + word.size();
    if (behind > fresh()) set_fresh(behind);
    mark(wilderness, word);
    set_wilderness(behind);
    return wilderness;
  }
  /// Wipes the word of a block that another one, marked before, swallowed.
  void wipe(Offset swallowed) { memory_.store(swallowed, 0); }
  /// Gives the last block back to the wilderness, and wipes its word.
  void retract(Offset block);

  /// Where the words of the blocks at `to` and behind it are about to be written over by one that
  /// moves there; `end_move` says that they are whole again.
  void begin_move(Offset from, Offset to, std::uint64_t size);
  void end_move() { Memory::store(memory_.header().move.to.raw, std::uint64_t{0}); }
  /// Where a block is moving to, if one is. Throws Damage.
  [[nodiscard]] std::optional<Offset> move_target() const;

  /// Everything from here on reads as zero again.
  void set_fresh(Offset fresh) { set(memory_.header().fresh, fresh_, fresh); }
  /// Writes the word of a block whose bounds stay, or the inner word of a split to come.
  [[gnu::always_inline]] void mark(Offset block, Word word) {
    memory_.store(block, seal_.close(block, word));
  }
  /// As `mark`, for a block that `is` what it says, and goes from one state to another.
  void turn(Offset block, State from, State to) {
    memory_.store(block, Seal::turned(memory_.load(block), from, to));
  }

  /// Makes all usable that another process of this region used.
  void commit_used() {
    region_.commit(opened(memory_.header().wilderness, wilderness_, region_.end()));
  }

  // --- the cache of it ------------------------------------------------------------------------

  /// Tells a block, if there is one, whether the one before it is free.
  void tell(Block block, bool is_free) {
    if (block && block.word.after_free() != is_free) mark(block.start, block.word.after(is_free));
  }
  void write_footer(Offset block, std::uint64_t size) {
    if (size > smallest_block) memory_.store(footer_of(block, size), size);
  }
  /// Throws Damage unless the last word of a free block says its size.
  void verify_footer(Offset block, std::uint64_t size) const;

  /// Calls `visit(block, word)` for each block in address order. Throws Damage.
  template <typename Visit>
  void walk(Visit&& visit) const {
    const Offset end = wilderness();
    for (Offset block = first(); block < end;) {
      const Word word = follow(block);
      const Offset behind = block + word.size();
      if (behind > end) damaged(block, "a block within the region");
      visit(block, word);
      block = behind;
    }
  }

  [[noreturn, gnu::cold, gnu::noinline]] static void damaged(Offset where, const char* invariant) {
    throw Damage(where, invariant);
  }

 private:
  /// A sealed offset of the header as it was verified last: while its bytes are the same, it need
  /// not be verified again.
  struct Opened {
    std::uint64_t raw = 0;
    Offset target{};
  };
  /// What a sealed offset says. Throws Damage unless it holds and lies before `end`.
  [[nodiscard, gnu::always_inline]] Offset opened(const SealedOffset& field, Opened& known,
                                                  Offset end) const {
    if (field.raw != known.raw) [[unlikely]]
      open(field, known, end);
    return known.target;
  }
  void open(const SealedOffset& field, Opened& known, Offset end) const;
  void set(SealedOffset& field, Opened& known, Offset target) {
    known = {seal_.close(memory_.place_of(field), target), target};
    Memory::store(field.raw, known.raw);
  }
  void set_wilderness(Offset start) { set(memory_.header().wilderness, wilderness_, start); }
  [[nodiscard]] Word expect_after_free(Offset link, Word word, const char* invariant) const;
  /// Throws the Damage of a word that is none, or of one that is not what `invariant` says.
  [[noreturn, gnu::cold, gnu::noinline]] void not_expected(Offset link,
                                                           const char* invariant) const;
  [[gnu::always_inline]] void verify_place(Offset link) const {
    if (!is_place(link)) [[unlikely]]
      damaged(link, "a link within the region");
  }

  Memory memory_;
  Region& region_;
  Seal seal_;
  mutable Opened wilderness_;
  mutable Opened fresh_;
  mutable Work work_;
};

}  // namespace rheap
