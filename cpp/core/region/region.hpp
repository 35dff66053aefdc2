#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/region/layout.hpp"
#include "core/region/poison.hpp"
#include "core/region/segment.hpp"
#include "core/system/memory.hpp"

/// How much the core checks itself: 0 nothing, 1 cheap assertions, 2 every invariant after every
/// operation, and a hook behind every store to the region.
#ifndef RHEAP_CHECK
#define RHEAP_CHECK 0
#endif

#if RHEAP_CHECK >= 1
#include <cstdlib>
#define RHEAP_ASSERT(condition) ((condition) ? static_cast<void>(0) : std::abort())
#else
#define RHEAP_ASSERT(condition) static_cast<void>(0)
#endif

namespace rheap {

#if RHEAP_CHECK >= 2
/// Tests set it to look at the region between any two stores, as a killed process leaves it.
inline void (*after_store)() = nullptr;
/// Tests clear it where damage is to be met by the operations themselves.
inline bool check_every_operation = true;
#endif

/// The mapped bytes. A copy is a pointer to them, as good as the original. Each class that works on
/// the region has its own copy, so that a place is one load away.
class Memory {
 public:
  explicit Memory(std::byte* base) : base_(base) {}

  [[nodiscard]] std::byte* base() const { return base_; }
  [[nodiscard]] std::byte* address(Offset place) const { return base_ + place.value; }
  [[nodiscard]] HeapHeader& header() const { return *reinterpret_cast<HeapHeader*>(base_); }
  [[nodiscard]] Offset place_of(const SealedOffset& field) const {
    return {static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(&field) - base_)};
  }

  // What it reads is not believed before it is verified, so it may look at poisoned bytes.
  [[nodiscard, gnu::no_sanitize_address]] std::uint64_t load(Offset place) const {
    return slot(place);
  }
  [[nodiscard]] Offset load_offset(Offset place) const { return {load(place)}; }

  /// Every store to the region's bookkeeping. Release order: what was written before is there
  /// when another process (or the one after a kill) sees this.
  [[gnu::always_inline]] void store(Offset place, std::uint64_t value) const {
    store(slot(place), value);
  }
  template <typename T>
  [[gnu::always_inline]] static void store(T& field, T value) {
    // Not by std::atomic_ref: to inline its functions or not is left to the compiler.
    __atomic_store_n(&field, value, __ATOMIC_RELEASE);
#if RHEAP_CHECK >= 2
    if (after_store != nullptr) after_store();
#endif
  }

 private:
  [[nodiscard]] std::uint64_t& slot(Offset place) const {
    RHEAP_ASSERT(is_aligned(place, 8));
    return *reinterpret_cast<std::uint64_t*>(base_ + place.value);
  }

  std::byte* base_;
};

/// The one mapping of a heap: reserved whole, committed from the front as the wilderness shrinks;
/// or a Segment, of which pages are provided where blocks come to lie.
/// Base, capacity and what is committed are kept here as well as (or instead of) in the region, so
/// that damage inside cannot lead the process outside.
class Region : public Memory {
 public:
  /// `capacity` bytes for blocks, a multiple of 8. Writes a fresh header. Throws SystemRefused.
  Region(std::uint64_t capacity, system::Sharing sharing);
  /// A region in a segment, whose header is written when this process made it. Throws
  /// SystemRefused.
  explicit Region(Segment& segment);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  [[nodiscard]] Offset end() const { return first_block + capacity_; }
  /// What can be read, or nothing can: in a segment all of it.
  [[nodiscard]] Offset committed() const { return committed_; }
  /// How many places for a word lie between the first block and `committed`.
  [[nodiscard]] std::uint64_t places() const { return places_; }
  [[nodiscard]] std::uint64_t secret() const { return secret_; }

  /// Makes [base, upto) usable. Throws SystemRefused, and then nothing has changed.
  void commit(Offset upto) {
    if (upto > committed_) commit_more(upto);
  }
  /// As `commit(end)`, for one block in [begin, end), where nothing was written yet. The pages of a
  /// large one are to be huge: its owner will fill it, and each fault then brings 2 MiB.
  void commit_for_block(Offset begin, Offset end) {
    commit(end);
    if (end.value >= begin.value + large_block) [[unlikely]]
      prefer_huge_pages(begin, end);
  }
  /// Makes [begin, end), where holes were, usable again. In a private region each is.
  void reclaim(Offset begin, Offset end) {
    if (segment_ != nullptr) [[unlikely]]
      segment_->provide(begin, end);
  }
  void prefault();
  /// What is given back is whole ones of these, in bytes.
  [[nodiscard]] std::uint64_t unit() const {
    return segment_ != nullptr ? Segment::window_bytes : system::page_bytes();
  }
  /// Gives back the whole units inside [begin, end), which then read as zero. Returns how many
  /// bytes of them were in memory, or nothing when the system did not do it (locked pages).
  std::optional<std::uint64_t> discard(Offset begin, Offset end);
  [[nodiscard]] std::uint64_t resident() const;

  /// Under AddressSanitizer (see poison.hpp). What is poisoned, is so in this process alone: not in
  /// a segment, where others allocate.
  void poison(Offset begin, std::uint64_t bytes) const {
    if (segment_ == nullptr) rheap::poison(address(begin), bytes);
  }
  void unpoison(Offset begin, std::uint64_t bytes) const {
    if (segment_ == nullptr) rheap::unpoison(address(begin), bytes);
  }

 private:
  /// For smaller blocks huge pages would take more memory than is used. (NumPy's bound, too.)
  static constexpr std::uint64_t large_block = std::uint64_t{4} << 20;

  static std::size_t mapped_bytes(std::uint64_t capacity);
  void write_header();
  void prefer_huge_pages(Offset begin, Offset end);
  void commit_more(Offset upto);

  std::uint64_t capacity_;
  std::size_t mapped_;
  system::Sharing sharing_;
  Segment* segment_ = nullptr;
  std::uint64_t secret_;
  Offset committed_;
  std::uint64_t places_ = 0;
};

}  // namespace rheap
