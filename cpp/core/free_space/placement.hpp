#pragma once

#include <cstdint>
#include <optional>

#include "core/free_space/free_index.hpp"
#include "core/free_space/free_list.hpp"
#include "core/free_space/policy.hpp"

namespace rheap {

/// The holes of a region in address order: the free blocks of a list, then the wilderness.
class Holes {
 public:
  class Iterator {
   public:
    Iterator(const Holes& holes, Offset block) : holes_(&holes), block_(block) {}
    Hole operator*() const { return holes_->at(block_); }
    Iterator& operator++() {
      block_ = holes_->behind(block_);
      return *this;
    }
    bool operator==(const Iterator& other) const { return block_ == other.block_; }

   private:
    const Holes* holes_;
    Offset block_;  ///< or where the wilderness starts, or none
  };
  struct Range {
    Iterator begin_;
    Iterator end_;
    [[nodiscard]] Iterator begin() const { return begin_; }
    [[nodiscard]] Iterator end() const { return end_; }
  };

  /// `wilderness`: an empty hole when it must not be used.
  Holes(const FreeList& list, Hole wilderness) : list_(list), wilderness_(wilderness) {}

  [[nodiscard]] Iterator begin() const { return {*this, or_wilderness(list_.first())}; }
  [[nodiscard]] Iterator end() const { return {*this, {}}; }
  /// Those from the rover on, and those before it.
  [[nodiscard]] Range behind_rover() const { return {at_rover(), end()}; }
  [[nodiscard]] Range before_rover() const { return {begin(), at_rover()}; }

 private:
  [[nodiscard]] Iterator at_rover() const { return {*this, or_wilderness(list_.at_rover())}; }
  [[nodiscard]] Offset or_wilderness(Offset block) const {
    if (block) return block;
    return wilderness_.size > 0 ? wilderness_.start : Offset{};
  }
  [[nodiscard]] Hole at(Offset block) const {
    if (block && block == wilderness_.start) return wilderness_;
    return {block, list_.member(block).size()};
  }
  [[nodiscard]] Offset behind(Offset block) const {
    return block == wilderness_.start ? Offset{} : or_wilderness(list_.next(block));
  }

  const FreeList& list_;
  Hole wilderness_;
};

/// The policies of the textbooks. Each gives the hole that a request takes, or none.
std::optional<Hole> first_fit(const Holes& holes, const Request& request);
std::optional<Hole> next_fit(const Holes& holes, const Request& request);
std::optional<Hole> best_fit(const Holes& holes, const Request& request);
std::optional<Hole> worst_fit(const Holes& holes, const Request& request);

/// The free blocks, in the structure that the policy of this heap searches.
class Placement {
 public:
  Placement(Region& region, BlockList& blocks, Policy policy, Chooser* chooser)
      : region_(region),
        blocks_(blocks),
        index_(region, blocks),
        list_(region, blocks),
        policy_(policy),
        chooser_(chooser) {}

  void insert(Offset block, std::uint64_t size) {
    segregated() ? index_.insert(block, size) : list_.insert(block, size);
  }
  void remove(Offset block, std::uint64_t size) {
    segregated() ? index_.remove(block, size) : list_.remove(block);
  }
  /// Removes a block and inserts another, made of it: its front was cut off, or it has grown.
  [[gnu::always_inline]] void replace(Hole old, Hole made) {
    if (segregated()) return index_.replace(old, made);
    list_.remove(old.start);
    list_.insert(made.start, made.size);
  }

  /// Throw Damage unless everything is whole that `insert` or `remove` will rely on.
  void verify_insert(Offset block, std::uint64_t size) const {
    segregated() ? index_.verify_insert(size) : list_.verify_insert(block);
  }
  void verify_remove(Offset block, std::uint64_t size) const {
    segregated() ? index_.verify_remove(block, size) : list_.verify_remove(block);
  }

  [[nodiscard]] Policy policy() const { return policy_; }
  /// Of no size when it is too small for any block.
  [[nodiscard]] Hole wilderness() const {
    const Offset start = blocks_.wilderness();
    const std::uint64_t left = region_.end() - start;
    return {start, left >= smallest_block ? left : 0};
  }

  /// A hole for a request in constant time, or none. It may overlook one that `search` finds. The
  /// policies of the textbooks have none to find so.
  [[nodiscard, gnu::always_inline]] Hole find(const Request& request) const {
    if (!segregated()) return {};
    const Hole found = index_.find(request.size);
    if (!found || request.start_in(found.start) == found.start) return found;
    return index_.find(request.size_anywhere());
  }
  /// The hole for a request that `find` has none for, or none. `last` is the last hole to look at:
  /// the wilderness, or none. Throws WrongChoice and whatever a Chooser throws.
  [[nodiscard]] Hole choose(const Request& request, Hole last) const {
    if (!segregated()) return look(request, last);
    return request.fits(last) ? last : Hole{};
  }
  /// One that `find` overlooked, found by looking at all that may do.
  [[nodiscard]] Hole search(const Request& request) const;
  /// A block that ends here was just made from a hole.
  void took(Offset end) {
    if (policy_ == Policy::next) list_.move_rover(end);
  }
  /// Bytes of the largest free block, 0 when there is none.
  [[nodiscard]] std::uint64_t largest() const;

  /// Calls `visit(block)` for each free block. Throws Damage where the structure is wrong.
  template <typename Visit>
  void verify(Visit&& visit) const {
    if (!segregated()) return list_.verify(visit);
    index_.verify_bits();
    index_.search(0, [&](Offset block, Word) {
      visit(block);
      return false;
    });
  }
  void clear() {
    index_.clear();
    list_.clear();
  }

 private:
  [[nodiscard]] bool segregated() const { return policy_ == Policy::segregated; }
  [[nodiscard]] Hole look(const Request& request, Hole last) const;
  [[nodiscard]] std::optional<Hole> ask(const Holes& holes, const Request& request) const;

  Region& region_;
  BlockList& blocks_;
  FreeIndex index_;
  FreeList list_;
  Policy policy_;
  Chooser* chooser_;
};

}  // namespace rheap
