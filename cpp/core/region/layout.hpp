#pragma once

/// The region, byte for byte. Everything the allocator knows lies in here, every link is an offset.
///
///   0 ──────────────► first ───────────────────────────────► wilderness ────────────► end
///   ┌────────────────┬──────┬──────┬──────┬──────┬───────────┬───────────────────────┐
///   │ HeapHeader     │ live │ free │ live │ defer│ live ...  │ never used yet        │
///   │ page 0 | index │      │      │      │  -red│           │ (zero beyond `fresh`) │
///   └────────────────┴──────┴──────┴──────┴──────┴───────────┴───────────────────────┘
///
///   live block      [word | payload .............................................]
///   deferred block  [word | next | ..............................................]
///   free block      [word | next | prev* | ................................ | size]
///   free, 24 bytes  [word | next | prev* ]      * with its lowest bit set
///
/// A footer (`size`, the last 8 bytes of a free block) lets its follower find the start. Sizes are
/// even and a tagged prev is odd, so the smallest free block needs no footer: an odd last word
/// says "24 bytes". The states of a block stand in word.hpp.
///
/// Invariants, in the order `check()` verifies them:
///
///   1. Blocks tile [first, wilderness) exactly: no gap, no overlap, none smaller than 24 bytes.
///   2. Every word's check code matches its offset.
///   3. A free block has a footer equal to its size and its follower says `after_free`; no other
///      block's follower does.
///   4. No two neighbours are both free, and none touches the wilderness. (After `defrag()` none
///      is deferred, so then no two neighbours are without an owner.)
///   5. Each free and each deferred block is in exactly one list, the one for its size. A list of
///      free blocks is empty exactly when its bit is clear, and if a list of deferred blocks has
///      no bit, it is empty.
///   6. live + free + overhead + wilderness = capacity, and the counters agree with the walk.
///   7. wilderness <= fresh: no byte beyond `fresh` was ever part of a block.
///   8. The header says which heap this is.
///
/// The allocator verifies what it reads here before it acts on it. Words, `wilderness` and `fresh`
/// are sealed. A link, head or rover names a block: the allocator first verifies the
/// word at that place. Such a word stands only where a block starts, because a merge wipes the word
/// of the block that it swallows. A wrong value in any other field of the header can cost time, but
/// cannot misplace a block.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/region/offset.hpp"
#include "core/system/robust_lock.hpp"

namespace rheap {

inline constexpr std::uint64_t word_bytes = 8;
inline constexpr std::uint64_t smallest_block = 24;
inline constexpr std::uint64_t largest_align = std::uint64_t{2} << 20;
inline constexpr std::uint64_t capacity_limit = std::uint64_t{1} << 40;  // 37 bits of 8 bytes

/// Two-level segregated fit: one list for each size below 256 bytes, 32 lists for each power of
/// two from there (Masmano, Ripoll, Crespo, Real: "TLSF: a new dynamic memory allocator for
/// real-time systems", ECRTS 2004).
inline constexpr unsigned second_level_bits = 5;
inline constexpr unsigned second_level = 1U << second_level_bits;
inline constexpr std::uint64_t linear_limit = 8U << second_level_bits;
inline constexpr unsigned first_level = 40 - 8 + 2;  // sizes up to 2^40, that one included

/// An offset that is acted on as it is: closed by a Seal.
struct SealedOffset {
  std::uint64_t raw;
};

struct FreeIndexHeader {
  std::uint64_t rows;                              ///< a bit for each row that has a list
  std::array<std::uint32_t, first_level> columns;  ///< a bit for each list that has a block
  std::array<Offset, std::size_t{first_level} * second_level> heads;  ///< row after row
};

/// What the policies of the textbooks search instead: one list in address order.
struct FreeListHeader {
  Offset head;
  Offset hint;      ///< before the block that was taken out last
  Offset rover;     ///< where next fit goes on
  Offset at_rover;  ///< the first block that ends beyond it
};

/// Deferred blocks: a list for each size up to `quick_limit`. Larger blocks are merged at once.
inline constexpr unsigned quick_lists = 256;
inline constexpr std::uint64_t quick_limit = smallest_block + (quick_lists - 1) * std::uint64_t{8};

struct DeferredHeader {
  /// A bit for each list that had a block since they were last searched.
  std::array<std::uint64_t, quick_lists / 64> lists;
  std::array<Offset, quick_lists> heads;
  std::uint64_t owed;  ///< how many blocks frees still have to merge, see Allocator
};

/// Counted in blocks and in payload bytes (the words are `8 * blocks` beside them).
struct Tally {
  std::uint64_t blocks;
  std::uint64_t bytes;

  void add(std::uint64_t payload) {
    ++blocks;
    bytes += payload;
  }
  void subtract(std::uint64_t payload) {
    --blocks;
    bytes -= payload;
  }
};

struct Counters {
  Tally live;
  Tally deferred;
  Tally free;
  std::uint64_t peak_live_bytes;
  std::uint64_t allocations;
};

/// A block on its way down to a place that overlaps the one it comes from. While `to` says where,
/// the words in between are not to be believed: the move is finished first.
struct MoveHeader {
  SealedOffset to;  ///< raw 0 when no block moves; its store begins and ends a move
  Offset from;
  std::uint64_t size;  ///< of the block
  std::uint64_t done;  ///< so many bytes of the payload are at their new place
};

/// A table of records, see Pool.
struct PoolHeader {
  std::uint64_t ready;  ///< so many records have memory
  std::uint64_t made;   ///< those from here on were never used
  std::uint64_t free;   ///< one more than the first of the free ones below that
};

/// What the header of a heap that several processes share says besides; zero in a private one. Its
/// tables lie behind the blocks, see SegmentShape. The lock has cache lines of its own.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct SharedHeader {
  alignas(64) system::RobustLock lock;
  alignas(64) std::uint64_t holder;  ///< one more than the slot of the process that has the lock
  std::uint64_t id;                  ///< of the heap: in the name of its segment and in tickets
  std::uint64_t object_limit;        ///< how many there can be, and as many tickets
  std::uint64_t next_serial;         ///< no object, ticket or process ever had it
  std::uint64_t slots_made;          ///< slots from here on were never used
  std::uint64_t discards;            ///< how often windows were given back
  std::uint64_t damaged;             ///< one more than the place where a process found damage
  PoolHeader objects;
  PoolHeader tickets;
  PoolHeader names;
  std::uint64_t named;          ///< how many names there are
  std::uint64_t buckets_ready;  ///< 1 when the table of buckets has memory
  std::uint32_t published;      ///< counts what was published; waiters sleep on it
  std::uint32_t waiters;
};

// Each of its parts starts where a reader of a dump expects it, so there is padding.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct HeapHeader {
  static constexpr std::uint64_t magic_value = 0x3170'6165'6872;  // "rheap1", read as bytes
  static constexpr std::uint32_t current_version = 1;

  std::uint64_t magic;
  std::uint32_t version;
  std::uint16_t fenced;  ///< 1 when each payload is followed by a fence (debug heaps)
  std::uint16_t policy;  ///< which of `index` and `list` is in use
  std::uint64_t capacity;
  std::uint64_t secret;
  Offset first;
  SealedOffset wilderness;
  SealedOffset fresh;
  Counters counters;
  FreeListHeader list;
  MoveHeader move;

  SharedHeader shared;

  alignas(4096) FreeIndexHeader index;
  alignas(64) DeferredHeader deferred;
};
static_assert(offsetof(HeapHeader, index) == 4096, "what comes later must fit page 0");

/// The first word stands at the end of the header's last page, so the first payload starts a page.
inline constexpr Offset first_block{align_up(sizeof(HeapHeader) + word_bytes, 4096) - word_bytes};

constexpr Offset payload_of(Offset block) { return block + word_bytes; }
constexpr Offset block_of(Offset payload) { return payload - word_bytes; }

/// Where the links of a block in a list stand, and the footer of a free block.
constexpr Offset next_link_of(Offset block) { return block + word_bytes; }
constexpr Offset previous_link_of(Offset block) { return block + 2 * word_bytes; }
constexpr Offset footer_of(Offset block, std::uint64_t size) { return block + (size - word_bytes); }
/// The footer of the free block that ends where `block` starts.
constexpr Offset footer_before(Offset block) { return block - word_bytes; }

}  // namespace rheap
