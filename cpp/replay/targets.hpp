#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/allocator/allocator.hpp"
#include "core/allocator/check.hpp"

/// The allocators that can serve a trace. The two have the same functions and slots, so the timed
/// loop differs in nothing but the allocator.
namespace rheap::replay {

/// What the program of a trace knows of a block.
struct Slot {
  std::uint64_t place = 0;   ///< 0 when it has none: not allocated, freed or refused
  std::uint64_t usable = 0;  ///< bytes
};

/// rheap's allocator, without the handles, the lock and the Python objects that a Heap adds.
class HeapTarget {
 public:
  explicit HeapTarget(const Allocator::Options& options) : allocator_(options) {}

  /// Writes to the new block, as a program does. A refused request leaves the slot without a place.
  void allocate(Slot& slot, std::uint64_t bytes) {
    try {
      const Allocation made = allocator_.allocate(bytes, 8);
      slot = {made.payload.value, made.usable};
      *allocator_.region().address(made.payload) = std::byte{1};
    } catch (const Exhausted&) {
      slot.place = 0;
    }
  }
  void resize(Slot& slot, std::uint64_t bytes) {
    const Offset old{slot.place};
    try {
      const Allocation made = allocator_.resize(old, slot.usable, slot.usable, bytes, 8);
      if (made.payload != old) allocator_.release(old, slot.usable);
      slot = {made.payload.value, made.usable};
    } catch (const Exhausted&) {
      // The block is as it was.
    }
  }
  void release(Slot& slot) {
    allocator_.release({slot.place}, slot.usable);
    slot.place = 0;
  }
  /// After a run. Throws Damage.
  void check() const { check_invariants(allocator_); }
  /// After everything was released: makes the heap one hole again. Its pages stay in memory.
  void make_one_hole() { allocator_.defrag(); }

 private:
  Allocator allocator_;
};

/// The malloc of this process, whichever library it comes from.
class MallocTarget {
 public:
  void allocate(Slot& slot, std::uint64_t bytes) {
    void* block = std::malloc(at_least_one(bytes));
    slot = {reinterpret_cast<std::uint64_t>(block), bytes};
    if (block != nullptr) [[likely]]
      *static_cast<std::byte*>(block) = std::byte{1};
  }
  void resize(Slot& slot, std::uint64_t bytes) {
    void* block = std::realloc(address(slot), at_least_one(bytes));
    if (block != nullptr) [[likely]]
      slot = {reinterpret_cast<std::uint64_t>(block), bytes};
  }
  void release(Slot& slot) {
    std::free(address(slot));
    slot.place = 0;
  }
  void check() const {}
  void make_one_hole() {}

  /// The file of the library that `malloc` comes from.
  static std::string library();

 private:
  /// `realloc` to nothing would free.
  static std::uint64_t at_least_one(std::uint64_t bytes) { return bytes + (bytes == 0 ? 1 : 0); }
  static void* address(const Slot& slot) { return reinterpret_cast<void*>(slot.place); }
};

}  // namespace rheap::replay
