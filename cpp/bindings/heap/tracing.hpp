#pragma once

#include <Python.h>

#include "bindings/heap/block.hpp"

/// Blocks as tracemalloc sees them: allocations of a domain of their own, so that a comparison of
/// snapshots finds a leak of blocks. Both need the GIL and no lock.
namespace rheap::bindings {

// Python 3.11 declares these two as if they were C++; the names under which they are linked hold
// everywhere. Each returns at once while tracemalloc is off.
int track(unsigned domain, std::uintptr_t address, std::size_t bytes) asm("PyTraceMalloc_Track");
int untrack(unsigned domain, std::uintptr_t address) asm("PyTraceMalloc_Untrack");

inline constexpr unsigned tracemalloc_domain = 0x7268'6561;  // "rhea"

/// A block, not traced yet, got its memory. Returns whether tracemalloc traces.
inline bool trace(BlockObject* block) {
  const auto address = reinterpret_cast<std::uintptr_t>(address_of(block));
  if (track(tracemalloc_domain, address, block->handle.bytes) != 0) [[likely]]
    return false;
  block->traced = 1;
  return true;
}

/// A block moved: its memory began at `before` until now.
inline void retrace(BlockObject* block, void* before) {
  if (block->traced) untrack(tracemalloc_domain, reinterpret_cast<std::uintptr_t>(before));
  block->traced = 0;
  trace(block);
}

/// A block is about to lose its memory.
inline void untrace(BlockObject* block) {
  if (!block->traced) return;
  block->traced = 0;
  untrack(tracemalloc_domain, reinterpret_cast<std::uintptr_t>(address_of(block)));
}

}  // namespace rheap::bindings
