#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/allocator/purge.hpp"
#include "core/free_space/deferred.hpp"
#include "core/free_space/placement.hpp"
#include "core/region/block_list.hpp"
#include "core/region/fence.hpp"
#include "core/region/region.hpp"

namespace rheap {

enum class Coalesce { deferred, immediate };

/// A block that was just allocated.
struct Allocation {
  Offset payload;
  std::uint64_t usable;  ///< bytes the payload may grow to in place: at least what was asked for
  std::uint64_t dirty;   ///< leading bytes that may hold something; those behind are zero
};

/// Allocates and frees blocks of one region. Knows offsets and bytes, nothing of handles, locks or
/// Python. One thread at a time.
///
/// A request is served by the first of these that can: a deferred block of its exact size; a free
/// block that the policy chooses; if the heap would grow beyond what it ever was, a block made by
/// merging a few deferred ones; the wilderness; and only before it is refused, what merging
/// everything and searching each list finds.
///
/// A heap that grew in spite of deferred blocks owes their merging: each free from then on merges a
/// few, until as many were merged as were deferred. So does one in which a large block comes back
/// while much is deferred: the next large one needs a hole. Small blocks in a heap that does not
/// grow merge nothing.
class Allocator {
 public:
  /// How many deferred blocks a request merges before the heap grows.
  static constexpr unsigned merges_per_growth = 8;
  /// How many a free merges while blocks are owed.
  static constexpr unsigned merges_per_free = 4;
  /// How many are owed for a large block that comes back, and of how many parts of the live bytes
  /// one must be deferred for that.
  static constexpr unsigned merges_per_large = 8;
  static constexpr std::uint64_t deferred_part = 32;

  struct Options {
    std::uint64_t capacity;  ///< bytes for blocks, a multiple of 8
    Coalesce coalesce = Coalesce::deferred;
    Policy policy = Policy::segregated;
    bool fenced = false;
    Chooser* chooser = nullptr;                  ///< for Policy::chosen
    std::shared_ptr<Backing> backing = nullptr;  ///< of that capacity; private memory if none
  };
  explicit Allocator(const Options& options);

  /// Throws Exhausted, SystemRefused, Damage, or what the Chooser throws; then nothing is
  /// allocated. `align` is a power of two from 8 to `largest_align`.
  Allocation allocate(std::uint64_t bytes, std::uint64_t align) {
    Allocation quick;
    if (allocate_quickly(bytes, align, quick)) [[likely]]
      return quick;
    return allocate_slowly(bytes, align);
  }
  /// Takes back a block of `usable` payload bytes. Throws Damage.
  void release(Offset payload, std::uint64_t usable) {
    if (blocks_.is_place(block_of(payload)) && release_quickly(payload, usable)) [[likely]]
      return;
    release_slowly(payload, usable);
  }
  /// The two halves of `release`. `take_back` handles this block, and throws no Damage after
  /// `verify_release`. `keep_up` does a little of the work that is due: it merges blocks that were
  /// given back before, and gives memory back to the system.
  void take_back(Offset payload, std::uint64_t usable);
  void keep_up();
  /// As `allocate` and `release`, for a block of the quick lists, when nothing stands in the way:
  /// no work is owed, no word is other than it should be. Otherwise they do nothing and return
  /// false. Only for a payload within the region.
  bool allocate_quickly(std::uint64_t bytes, std::uint64_t align, Allocation& allocation);
  bool release_quickly(Offset payload, std::uint64_t usable);
  [[nodiscard]] bool has_quick_way() const { return quick_bytes_ > 0; }
  /// Resizes in place if the block, or the free bytes behind it, allow it. Otherwise copies the
  /// contents to a new block, and the caller releases the old one. Throws what `allocate` throws,
  /// and then the block is as it was.
  Allocation resize(Offset payload, std::uint64_t usable, std::uint64_t old_bytes,
                    std::uint64_t bytes, std::uint64_t align);

  /// Merges all neighbouring free blocks; moves nothing. Returns the number of merges.
  std::uint64_t defrag();
  /// Merges, then gives the whole pages inside free blocks back. Returns how many bytes of them
  /// were in memory.
  std::uint64_t trim();

  /// Bytes of the block for a request, its word included. Throws Exhausted when there can be none.
  std::uint64_t block_size_for(std::uint64_t bytes);
  /// Bytes of the largest free block, the wilderness aside; 0 when there is none.
  [[nodiscard]] std::uint64_t largest_hole() const { return placement_.largest(); }
  /// One of so many bytes or more that is found in constant time, or none.
  [[nodiscard]] Hole find_hole(std::uint64_t size) const { return placement_.find({size, 8}); }

  /// Throws Damage unless a live block with so many usable bytes starts here and its fence, if any,
  /// is whole.
  Block verify_live(Offset payload, std::uint64_t usable) const;
  /// How many bytes the live block that starts here can have. Throws Damage when there is none.
  [[nodiscard]] std::uint64_t usable_bytes(Offset payload) const {
    const Word word = blocks_.follow(block_of(payload));
    if (word.state() != State::live)
      BlockList::damaged(payload, "a live block where a record says");
    return word.size() - overhead();
  }
  /// Throws Damage unless such a block, the neighbours it could merge with, and everything else
  /// that `take_back` will rely on are whole.
  void verify_release(Offset payload, std::uint64_t usable) const;
  /// The visible bytes of a live block of a fenced heap. Throws Damage when its fence broke.
  std::uint64_t verify_fence(Offset payload, std::uint64_t usable) const;

  [[nodiscard]] Region& region() { return region_; }
  [[nodiscard]] const Region& region() const { return region_; }
  [[nodiscard]] const BlockList& blocks() const { return blocks_; }
  [[nodiscard]] const Counters& counters() const { return region_.header().counters; }
  [[nodiscard]] const Work& work() const { return blocks_.work(); }
  [[nodiscard]] bool fenced() const { return fenced_; }
  [[nodiscard]] const Placement& placement() const { return placement_; }
  [[nodiscard]] const Deferred& deferred() const { return deferred_; }
  /// Bytes of a block that are not payload: its word and any fence.
  [[nodiscard]] std::uint64_t overhead() const { return overhead_; }

 private:
  friend class Relocation;
  friend void rebuild(Allocator& allocator);
  friend void check_invariants(const Allocator& allocator);

  Allocation allocate_slowly(std::uint64_t bytes, std::uint64_t align);
  void release_slowly(Offset payload, std::uint64_t usable);
  [[nodiscard]] Counters& count() const { return region_.header().counters; }
  [[nodiscard]] std::uint64_t wilderness_bytes() const {
    const std::uint64_t left = placement_.wilderness().size;
    return left > 0 ? left - word_bytes : 0;
  }
  /// Right only when everything is merged; FreeSpaces computes it at any other time.
  [[nodiscard]] std::uint64_t largest_request() const {
    const std::uint64_t largest = std::max(placement_.largest(), placement_.wilderness().size);
    return largest > 0 ? largest - overhead() : 0;
  }

  Block find_block(Request request);
  Hole find_hole(Request request);
  [[nodiscard]] bool merging_is_due(Request request) const;
  void reach(Offset wilderness, Offset start, Offset end);
  Block take_wilderness(Offset wilderness, Request request);
  Block take_at_last(Request request);
  Block take(Hole hole, Request request);
  Block occupy(Hole hole, Request request);  ///< as `take`, for Relocation
  Block place(Hole hole, Request request);
  Block use_up(Hole hole, Request request);
  Block cut_front(Hole hole, std::uint64_t size);
  [[noreturn]] void refuse(std::uint64_t bytes);

  void retire(Block block);
  void make_deferred(Offset block, std::uint64_t size);
  /// Large blocks are merged at once, and those behind a hole, since it is known where that starts.
  [[nodiscard]] bool merges_at_once(Word word) const {
    return !deferring_ || !Deferred::takes(word.size()) || word.after_free();
  }
  std::uint64_t merge(Block block);
  std::uint64_t merge_left(Block block);
  std::uint64_t merge_deferred(std::uint64_t most);
  std::uint64_t merge_all_deferred();
  [[nodiscard]] bool has_work() const {
    return region_.header().deferred.owed > 0 || purge_.is_due();
  }
  void owe_for_large() {
    if (count().deferred.bytes <= count().live.bytes / deferred_part) return;
    std::uint64_t& owed = region_.header().deferred.owed;
    Memory::store(owed, owed + merges_per_large);
  }
  void work_off();
  /// Empties all lists, and counts nothing as free.
  void forget_free() {
    placement_.clear();
    deferred_.clear();
    count().free = count().deferred = {};
  }
  void add_free(Offset block, std::uint64_t size);
  void change_free(Hole old, Hole made);
  void remove_free(Offset block, std::uint64_t size);
  std::optional<Allocation> resize_in_place(Offset payload, std::uint64_t usable,
                                            std::uint64_t old_bytes, std::uint64_t bytes);
  void verify_neighbours(Block block) const;
  void verify_merge(Block block) const;
  bool grow(Block& block, std::uint64_t size);
  void shrink(Block& block, std::uint64_t size);

  Allocation finish(Block block, std::uint64_t bytes, std::uint64_t dirty);
  void count_live(std::uint64_t usable);
  void poison_free(Hole whole, Hole joined);
  void fill(Offset payload, std::uint64_t bytes, std::byte pattern);
  void raise_fence(Offset payload, std::uint64_t usable, std::uint64_t bytes);
  void check_self() const {
#if RHEAP_CHECK >= 2
    if (check_every_operation) check_invariants(*this);
#endif
  }

  Region region_;
  BlockList blocks_{region_};
  Placement placement_;
  Deferred deferred_{region_, blocks_};
  bool deferring_;
  bool fenced_;
  Purge purge_{region_, blocks_};
  std::uint64_t overhead_;
  std::uint64_t quick_bytes_;  ///< requests for fewer have a quick way
};

// These functions run in every request, so they are inlined into their callers. Left to itself the
// compiler shares one copy, which makes a pair of Heap::alloc and Heap::free a tenth slower.

inline std::uint64_t Allocator::block_size_for(std::uint64_t bytes) {
  if (bytes > region_.capacity()) [[unlikely]]
    refuse(bytes);
  return std::max(smallest_block, align_up(bytes, 8) + overhead());
}

[[gnu::always_inline]] inline void Allocator::count_live(std::uint64_t usable) {
  Counters& counted = count();
  counted.live.add(usable);
  ++counted.allocations;
  if (counted.live.bytes > counted.peak_live_bytes) counted.peak_live_bytes = counted.live.bytes;
}

[[gnu::always_inline]] inline Allocation Allocator::finish(Block block, std::uint64_t bytes,
                                                           std::uint64_t dirty) {
  const Offset payload = payload_of(block.start);
  const std::uint64_t usable = block.word.size() - overhead();
  region_.unpoison(payload, block.word.size() - word_bytes);
  count_live(usable);
  if (fenced_) [[unlikely]] {
    fill(payload, bytes, fence::new_pattern);
    raise_fence(payload, usable, bytes);
    return {payload, usable, bytes};
  }
  return {payload, usable, dirty};
}

[[gnu::always_inline]] inline Block Allocator::verify_live(Offset payload,
                                                           std::uint64_t usable) const {
  const Offset start = block_of(payload);
  const Word word =
      blocks_.expect(start, usable + overhead(), State::live, "a live block where a handle says");
  if (fenced_) [[unlikely]]
    static_cast<void>(verify_fence(payload, usable));
  return {start, word};
}

[[gnu::always_inline]] inline void Allocator::take_back(Offset payload, std::uint64_t usable) {
  const Block block = verify_live(payload, usable);
  if (fenced_) [[unlikely]]
    fill(payload, usable, fence::freed_pattern);
  count().live.subtract(usable);
  retire(block);
}

/// A block without an owner waits for the next request of its size, or is merged.
[[gnu::always_inline]] inline void Allocator::retire(Block block) {
  if (merges_at_once(block.word)) {
    if (!Deferred::takes(block.word.size())) owe_for_large();
    merge(block);
    return;
  }
  block.word = block.word.with(State::deferred);
  blocks_.mark(block.start, block.word);
  make_deferred(block.start, block.word.size());
}

/// Lists and counts a block that is marked deferred.
[[gnu::always_inline]] inline void Allocator::make_deferred(Offset block, std::uint64_t size) {
  deferred_.push(block, size);
  count().deferred.add(size - word_bytes);
  // Its word and its link stay readable.
  const Offset unused = previous_link_of(block);
  region_.poison(unused, block + size - unused);
}

[[gnu::always_inline]] inline void Allocator::keep_up() {
  if (has_work()) [[unlikely]]
    work_off();
  check_self();
}

[[gnu::always_inline]] inline bool Allocator::allocate_quickly(std::uint64_t bytes,
                                                               std::uint64_t align,
                                                               Allocation& allocation) {
  if (bytes >= quick_bytes_) return false;
  const std::uint64_t usable = std::max(smallest_block - word_bytes, align_up(bytes, 8));
  const std::uint64_t size = usable + word_bytes;
  const Offset block = deferred_.first(size);
  const Offset payload = payload_of(block);
  if (!blocks_.is_place(block) || !blocks_.is(block, size, State::deferred)) return false;
  if (align > 8 && !is_aligned(payload, align)) return false;
  deferred_.drop_first(size, block);
  blocks_.turn(block, State::deferred, State::live);
  region_.unpoison(payload, usable);
  count().deferred.subtract(usable);
  count_live(usable);
  check_self();
  allocation = {payload, usable, bytes};
  return true;
}

[[gnu::always_inline]] inline bool Allocator::release_quickly(Offset payload,
                                                              std::uint64_t usable) {
  const std::uint64_t size = usable + word_bytes;
  const Offset block = block_of(payload);
  if (usable >= quick_bytes_ || has_work()) return false;
  if (!blocks_.is(block, size, State::live)) return false;
  count().live.subtract(usable);
  blocks_.turn(block, State::live, State::deferred);
  make_deferred(block, size);
  check_self();
  return true;
}

}  // namespace rheap
