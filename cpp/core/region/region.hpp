#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/region/backing.hpp"
#include "core/region/layout.hpp"
#include "core/region/poison.hpp"

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

/// The bytes of a heap, over the memory of its backing. Base, capacity and what is committed are
/// kept here as well as (or instead of) in the region, so that damage inside cannot lead the
/// process outside.
class Region : public Memory {
 public:
  /// Writes the header where the backing starts afresh. Throws SystemRefused.
  explicit Region(std::shared_ptr<Backing> backing);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  [[nodiscard]] Offset end() const { return first_block + capacity_; }
  [[nodiscard]] bool starts_afresh() const { return backing_->start() == Backing::Start::afresh; }
  /// What can be read.
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
      backing_->prefer_huge_pages(begin, end);
  }
  /// Makes [begin, end), where holes were, usable again. Throws as `Backing::provide`.
  void reclaim(Offset begin, Offset end) { backing_->provide(begin, end); }
  void prefault();
  /// As of the backing.
  [[nodiscard]] std::uint64_t unit() const { return backing_->unit(); }
  std::optional<std::uint64_t> discard(Offset begin, Offset end) {
    return backing_->discard(begin, std::min(end, committed_));
  }
  [[nodiscard]] std::uint64_t resident() const { return backing_->resident(committed_); }

  /// Under AddressSanitizer (see poison.hpp). What is poisoned, is so in this process alone: not
  /// where others allocate.
  void poison(Offset begin, std::uint64_t bytes) const {
    if (backing_->is_private()) rheap::poison(address(begin), bytes);
  }
  void unpoison(Offset begin, std::uint64_t bytes) const {
    if (backing_->is_private()) rheap::unpoison(address(begin), bytes);
  }

 private:
  /// For smaller blocks huge pages would take more memory than is used. (NumPy's bound, too.)
  static constexpr std::uint64_t large_block = std::uint64_t{4} << 20;

  void write_header();
  void commit_more(Offset upto);

  std::shared_ptr<Backing> backing_;
  std::uint64_t capacity_;
  std::uint64_t secret_ = 0;
  Offset committed_{};
  std::uint64_t places_ = 0;
};

}  // namespace rheap
