#pragma once

#include <cstdint>
#include <exception>

#include "core/region/offset.hpp"

namespace rheap {

/// The heap is full: the request does not fit although everything that could be merged was merged.
struct Exhausted : std::exception {
  std::uint64_t requested = 0;    ///< bytes asked for
  std::uint64_t free = 0;         ///< bytes of all holes, the wilderness included
  std::uint64_t largest = 0;      ///< bytes of the largest request that would be served
  std::uint64_t capacity = 0;     ///< bytes of the region that blocks may take
  std::uint64_t overhead = 0;     ///< bytes that each block takes besides what is asked for
  const char* records = nullptr;  ///< in a shared heap: of which table all records are in use

  [[nodiscard]] const char* what() const noexcept override { return "heap exhausted"; }
};

/// The region is not what this heap wrote: an overrun, a wild write, a double free below us.
struct Damage : std::exception {
  Offset where;           ///< where it was seen
  const char* invariant;  ///< which rule does not hold there
  bool fenced = false;    ///< the heap has fences

  Damage(Offset where_, const char* invariant_) : where(where_), invariant(invariant_) {}
  [[nodiscard]] const char* what() const noexcept override { return invariant; }
};

/// What only heaps can refuse that several processes share.
struct SharingError : std::exception {};

/// Another process, or a thread of one, has the lock of a shared heap.
struct Contended : SharingError {
  [[nodiscard]] const char* what() const noexcept override { return "heap is busy"; }
};

/// Nobody has the block any more that a ticket was for.
struct Gone : SharingError {
  [[nodiscard]] const char* what() const noexcept override { return "block is gone"; }
};

/// A block of a shared heap that others have, too.
struct HeldByOthers : SharingError {
  Offset where;  ///< the payload

  explicit HeldByOthers(Offset where_) : where(where_) {}
  [[nodiscard]] const char* what() const noexcept override { return "block is shared"; }
};

/// The lock of a shared heap was not to be had for a long time.
struct Busy : SharingError {
  std::uint32_t pid;  ///< of the process that has it; 0 if that could not be seen

  explicit Busy(std::uint32_t pid_) : pid(pid_) {}
  [[nodiscard]] const char* what() const noexcept override { return "heap is busy"; }
};

/// The heap was closed: no new blocks, no reports.
struct Closed : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "heap is closed"; }
};

}  // namespace rheap
