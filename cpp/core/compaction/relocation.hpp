#pragma once

#include <cstdint>
#include <exception>
#include <optional>

#include "core/allocator/allocator.hpp"
#include "core/handles/handles.hpp"

namespace rheap {

/// What it takes to move blocks of an allocator. A detached hole is in no list and not counted, and
/// is attached again in the end; until then nobody else may use the allocator. Nothing may be
/// deferred.
class Relocation {
 public:
  explicit Relocation(Allocator& allocator) : allocator_(allocator) {}

  /// Merges at most so many deferred blocks; returns whether there were as many.
  bool merge_some(std::uint64_t most);
  /// Empties all lists: each hole is then detached. What is deferred is a hole, too.
  void forget_holes() { allocator_.forget_free(); }

  /// Takes a free block out of its list. Throws Damage.
  void detach(Block hole);
  /// As `detach`, where holes are in no list. (Under AddressSanitizer what lies in a detached hole
  /// may be written to.)
  void unpoison(Block hole) { allocator_.region_.unpoison(hole.start, hole.word.size()); }
  /// Lists a detached hole, or gives it to the wilderness. Throws Damage.
  void attach(Block hole);
  /// What was a live or a deferred block is a detached hole.
  void empty(Block& block);
  /// A detached hole absorbs the one after it.
  void join(Block& hole, std::uint64_t more) {
    allocator_.blocks_.absorb(hole.start, hole.word, more);
  }
  /// Moves the live block after a detached hole towards the hole's start, as far as its alignment
  /// lets it. Returns where its payload is now; the hole is then the one after it.
  Offset slide(Block& hole, Block live, std::uint64_t align);
  /// Makes a copy of a live block in a hole, at last in the wilderness if that may be used, or
  /// nowhere when it fits in none. The old block is then no longer counted, and to be emptied.
  std::optional<Allocation> copy_elsewhere(const Handle& handle, bool wilderness);
  /// A new block in this hole, which is in its list and has room for it.
  Allocation allocate_in(Block hole, std::uint64_t bytes, std::uint64_t align);

  /// The block as its header says it is now.
  [[nodiscard]] Block reread(Block block) const {
    return {block.start, allocator_.blocks_.at(block.start)};
  }

 private:
  Block find_place(Request request, bool wilderness);

  Allocator& allocator_;
};

/// A detached hole that takes in its neighbours, or none. It is attached when this ends, unless
/// that is by an exception: only damage is thrown meanwhile, and a damaged heap uses no hole again.
class DetachedHole {
 public:
  explicit DetachedHole(Relocation& relocation) : relocation_(relocation) {}
  // NOLINTNEXTLINE(bugprone-unsafe-to-allow-exceptions): it throws only where none is in flight
  ~DetachedHole() noexcept(false) {
    if (std::uncaught_exceptions() == exceptions_) attach();
  }
  DetachedHole(const DetachedHole&) = delete;
  DetachedHole& operator=(const DetachedHole&) = delete;

  explicit operator bool() const { return static_cast<bool>(hole_); }
  [[nodiscard]] Block block() const { return hole_; }
  /// Takes in a detached block, which follows the hole if there is one.
  void take_in(Block block);
  /// As `Relocation::slide`.
  Offset slide(Block live, std::uint64_t align) { return relocation_.slide(hole_, live, align); }
  /// After what may have told the hole of its neighbour.
  void reread() {
    if (hole_) hole_ = relocation_.reread(hole_);
  }
  void attach();

 private:
  Relocation& relocation_;
  Block hole_{};
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace rheap
