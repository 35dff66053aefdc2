#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/allocator/allocator.hpp"
#include "core/allocator/check.hpp"
#include "core/compaction/compaction.hpp"
#include "core/compaction/plan.hpp"
#include "core/free_space/free_space.hpp"
#include "core/handles/handles.hpp"
#include "core/heap/membership.hpp"
#include "core/heap/observer.hpp"
#include "core/system/lock.hpp"

namespace rheap {

/// A heap for many threads: the allocator behind a lock, the handles of its live blocks, and the
/// rule of who may go when. The object lives as long as its owner or any handle does; the region
/// as long as the heap is open or any handle lives.
///
/// The region may be one that several processes share. Then there is a second lock, that of the
/// heap, which is taken behind that of the process, for the shortest time: `Contended` says that
/// another process has it, and that the caller should try again in a while.
///
/// Nothing here calls back into the caller while the lock is held, but for `walk`'s visitor.
class Heap {
 public:
  static constexpr std::uint64_t smallest_capacity = smallest_block;

  struct Options {
    std::uint64_t capacity;  ///< bytes for blocks, rounded down to 8; at most `capacity_limit`
    Coalesce coalesce = Coalesce::deferred;
    Policy policy = Policy::segregated;
    bool debug = false;  ///< fill patterns and fences
    bool prefault = false;
    /// There is one caller at a time, but for `defrag`, `trim` and `check`, which anybody may call
    /// at any time, and for forks.
    bool callers_take_turns = false;
    Owners* owners = nullptr;   ///< without, no block moves
    bool auto_compact = false;  ///< blocks are moved before a request is refused
  };

  /// The caller becomes the owner. Throws SystemRefused.
  static Heap* open(const Options& options);
  /// A new heap for several processes, with at most so many blocks: of the options, only
  /// `capacity`, `debug` and `callers_take_turns` matter.
  static Heap* open_shared(const Options& options, std::uint64_t blocks);
  /// The heap in the segment behind this descriptor, which is from here on the heap's. Throws
  /// Mismatch, SystemRefused, Damage or Contended, and then it is still the caller's.
  static Heap* attach(int descriptor, bool callers_take_turns);
  /// The owner lets go: the heap dies with its last handle, or now.
  void disown() noexcept;
  /// No more blocks; the region goes with the last handle, or now.
  void close() noexcept;
  /// Closes a heap that has no bound block; returns whether it is closed.
  bool close_if_unused() noexcept;

  // Each throws Closed on a closed heap, Damage on a damaged one, and what its comment names; if
  // the heap is shared, also Contended, Unprovided (see `provide`), and SystemRefused in a child
  // for which there was no place. Whatever is thrown, nothing has changed.

  /// Binds `handle` to a new block; returns how many of its leading bytes may not be zero.
  /// `align` is a power of two up to `largest_align`. A block that `stays` will not be one that may
  /// move. Throws Exhausted or SystemRefused.
  std::uint64_t alloc(Handle& handle, std::uint64_t bytes, std::uint64_t align, bool stays = false);
  /// As `alloc`, when the heap has a block of this size at hand and nothing is unusual. Otherwise
  /// it does nothing and returns false, and it is for `alloc` to do the work, or to say why not.
  /// The block's bytes may hold anything.
  bool alloc_quickly(Handle& handle, std::uint64_t bytes, std::uint64_t align);
  /// Throws Exhausted or SystemRefused, and HeldByOthers. Whatever it throws, the block is as it
  /// was.
  void resize(Handle& handle, std::uint64_t bytes);
  std::uint64_t defrag();
  std::uint64_t trim();
  void check();

  struct Extent {
    std::uint64_t largest;  ///< bytes of the largest hole, as requests would find it
    std::uint64_t free;     ///< bytes of all holes, the wilderness included
    std::uint64_t extent;   ///< bytes from the first block to the wilderness
  };
  struct CompactionReport {
    CompactionFigures figures;
    Extent before;
    Extent after;
  };
  /// Moves live blocks together, as far as the bounds allow: see Compaction. Not for a shared heap,
  /// nor is the next one.
  CompactionReport compact(const CompactionBounds& bounds, Owners& owners);
  /// From here on, or no longer.
  void compact_when(const std::optional<CompactionPlan::Terms>& terms);
  /// Those of the last `compact_when`.
  [[nodiscard]] std::optional<CompactionPlan::Terms> compaction_terms() {
    const GuardInTurn guard(lock_);
    if (!plan_) return std::nullopt;
    return plan_->terms();
  }

  /// Throws Damage unless the handle's block, its fence, its neighbours and everything else that
  /// `free` will rely on are whole. After it, `free` finds no damage.
  void verify(const Handle& handle);

  /// From here on `observer` sees each allocation, resize and release. Returns false when the heap
  /// has an observer already. Throws Closed on a closed heap.
  bool observe(Observer& observer);
  /// Ends the observation, if `observer` is the one who observes. The heap must have its owner.
  void end_observation(const Observer& observer) noexcept;
  [[nodiscard]] Observer* observer() const { return observer_; }

  /// Gives the block back and unbinds the handle, whatever state the heap is in. Throws Damage when
  /// the region turns out to be damaged here. On a heap known to be damaged the block is forgotten.
  void free(Handle& handle);
  /// As `free`, when nothing is unusual. Otherwise it does nothing and returns false.
  bool free_quickly(Handle& handle);

  // --- of a shared heap alone --------------------------------------------------------------------

  /// Brings memory that an operation asked for into the segment, with no lock held. Throws
  /// SystemRefused.
  void provide(const Unprovided& range);
  Ticket send(const Handle& handle);
  /// Binds `handle` to the block that a ticket is for. Throws Gone.
  void claim(Handle& handle, const Ticket& ticket);
  std::uint64_t recall(bool of_the_dead);
  std::uint64_t bury_dead();
  /// This process is about to end in good order: its tickets wait for whoever claims them.
  void say_farewell();
  std::vector<Member> members();
  std::vector<InFlight> in_flight();
  /// The directory, see Membership.
  void publish(std::string_view name, std::string_view value, const Ticket& ticket);
  std::optional<std::string> look_up(std::string_view name);
  bool withdraw(std::string_view name);
  std::vector<std::string> names();
  std::uint64_t named();
  std::uint32_t published();
  void wait_for_more(std::uint32_t published, std::uint64_t microseconds);
  /// The process that has the heap's lock, as far as can be seen; 0 for none.
  std::uint32_t busy_pid() noexcept;
  /// The descriptor of the segment, which stays the heap's.
  int descriptor();
  [[nodiscard]] std::uint64_t id() const { return id_; }

  struct Seen {
    Offset payload;
    std::uint64_t usable;
    State state;
    Handle* handle;          ///< of a live block, if it is this process's
    const Holders* holders;  ///< of a live block of a shared heap
  };
  struct Report {
    Counters counters;
    std::uint64_t capacity;
    std::uint64_t wilderness;  ///< bytes that no block has
    std::uint64_t overhead;    ///< words and fences
    std::uint64_t fence;       ///< bytes of each live block's fence, 0 when there are none
    std::uint64_t resident;    ///< bytes of the region in memory, its header included
    FreeSpaces space;          ///< known when the walk has ended
  };
  /// Calls `visit(Seen)` for each block in address order, with the lock held. Returns the figures
  /// of the same moment.
  template <typename Visit>
  Report walk(Visit&& visit);
  /// The figures alone. Calls `visit(Handle&)` for each live block, in no order, with the lock
  /// held: a heap of many blocks is measured much faster than walked, since no handle is looked up.
  template <typename Visit>
  Report measure(Visit&& visit);
  /// Calls `visit(Handle&)` for each live block, with the lock held, also on a damaged heap.
  template <typename Visit>
  void for_each_handle(Visit&& visit);

  /// 8 bytes of a block as they are, whatever they mean. For a visitor: with the lock held.
  [[nodiscard]] std::uint64_t load(Offset place) const { return allocator_->region().load(place); }

  [[nodiscard]] std::byte* address(const Handle& handle) const {
    return base_ + handle.payload.value;
  }
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  [[nodiscard]] bool debug() const { return debug_; }
  [[nodiscard]] bool auto_compact() const { return auto_compact_; }
  /// The number of blocks that have a handle: those allocated and not freed.
  [[nodiscard]] std::size_t bound_blocks() {
    const GuardInTurn guard(lock_);
    return handles_.count();
  }
  [[nodiscard]] bool closed() const { return closed_; }
  /// Whether this process was forked and the shared heap had no place for it: what it inherited
  /// cannot be looked at, and every call says why.
  [[nodiscard]] bool is_excluded() const { return membership_ && membership_->is_excluded(); }
  [[noreturn]] void refuse_excluded() const { membership_->refuse_excluded(); }

 private:
  friend class ForkGuard;

  explicit Heap(const Options& options, std::shared_ptr<Segment> segment = nullptr);
  ~Heap();

  void refuse_unusable() const {
    if (closed_) throw Closed{};
    if (damage_) throw Damage(*damage_);
  }
  /// Has the shared heap's lock as long as it lives.
  class Admission {
   public:
    explicit Admission(std::optional<Membership>& membership) : membership_(membership) {
      if (membership_) [[unlikely]]
        membership_->enter();
    }
    ~Admission() {
      if (membership_) [[unlikely]]
        membership_->leave();
    }
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;

   private:
    std::optional<Membership>& membership_;
  };
  /// Does `work` with the locks held and remembers damage that is found there.
  template <typename Taken, typename Work>
  auto guarded(Work&& work) {
    const Taken guard(lock_);
    refuse_unusable();
    try {
      const Admission admission(membership_);
      return work();
    } catch (Damage& damage) {
      remember(damage);
      throw;
    }
  }
  /// Closes the heap to further work.
  void remember(Damage& damage) {
    damage.fenced = debug_;
    damage_.emplace(damage);
    if (membership_) membership_->tell_damage(damage.where);
    see_what_is_usual();
  }
  void let_region_go() noexcept {
    membership_.reset();
    compaction_.reset();
    allocator_.reset();
    segment_.reset();
  }
  template <typename Visit>
  void visit_handles(Visit&& visit);
  /// Calls `visit(block, word, usable)` for each block in address order.
  template <typename Visit>
  Report count_blocks(Visit&& visit);
  void drop_observer() noexcept;
  /// After a change of anything that makes the quick ways wrong.
  void see_what_is_usual() noexcept {
    usual_ = owned_ && !closed_ && !damage_ && observer_ == nullptr && !plan_ && has_quick_way_;
  }
  Allocation allocate(std::uint64_t bytes, std::uint64_t align, bool stays);
  template <typename Request>
  Allocation served(std::uint64_t bytes, std::uint64_t align, Request&& request);
  [[nodiscard]] Extent extent() const;
  void follow_plan() {
    if (plan_) [[unlikely]]
      plan_->go_on(*compaction_, *allocator_, *owners_);
  }
  void release(Offset payload, std::uint64_t usable);
  void bind(Handle& handle, const Allocation& allocation, std::uint64_t bytes);
  [[nodiscard]] Report report() const;

  Lock lock_;
  std::shared_ptr<Segment> segment_;
  std::optional<Allocator> allocator_;
  std::optional<Membership> membership_;
  HandleTable handles_;
  std::optional<Compaction> compaction_;  ///< of a private heap
  std::optional<CompactionPlan> plan_;
  Owners* owners_;
  bool auto_compact_;
  std::optional<Damage> damage_;
  Observer* observer_ = nullptr;
  bool closed_ = false;
  bool owned_ = true;
  bool usual_ = false;  ///< owned, open, whole, unobserved, without a plan, and with a quick way

  // Kept for when the region is gone.
  std::byte* base_;
  std::uint64_t capacity_;
  bool has_quick_way_;
  bool debug_;
  std::uint64_t id_;

  Heap* next_heap_ = nullptr;  // the list of all heaps, for fork
  Heap* previous_heap_ = nullptr;
};

inline void Heap::bind(Handle& handle, const Allocation& allocation, std::uint64_t bytes) {
  handle.payload = allocation.payload;
  handle.usable = allocation.usable;
  handle.bytes = bytes;
  handles_.link(handle);
}

[[gnu::always_inline]] inline bool Heap::alloc_quickly(Handle& handle, std::uint64_t bytes,
                                                       std::uint64_t align) {
  const TryGuardInTurn guard(lock_);
  Allocation allocation;
  if (!guard.taken() || !usual_ || !allocator_->allocate_quickly(bytes, align, allocation))
      [[unlikely]]
    return false;
  handle.align = align;
  bind(handle, allocation, bytes);
  return true;
}

[[gnu::always_inline]] inline bool Heap::free_quickly(Handle& handle) {
  const TryGuardInTurn guard(lock_);
  if (!guard.taken() || !usual_ || !allocator_->release_quickly(handle.payload, handle.usable))
      [[unlikely]]
    return false;
  handles_.unlink(handle);
  handle.payload = {};
  return true;
}

template <typename Visit>
Heap::Report Heap::walk(Visit&& visit) {
  return guarded<GuardInTurn>([&] {
    HandleCursor cursor(handles_);
    HolderCursor holders(membership_);
    return count_blocks([&](Offset block, Word word, std::uint64_t usable) {
      const Offset payload = payload_of(block);
      const bool live = word.state() == State::live;
      visit(Seen{payload, usable, word.state(), live ? cursor.find(payload) : nullptr,
                 live ? holders.find(payload) : nullptr});
    });
  });
}

template <typename Visit>
Heap::Report Heap::measure(Visit&& visit) {
  return guarded<GuardInTurn>([&] {
    const Report report = count_blocks([](Offset, Word, std::uint64_t) {});
    visit_handles(visit);
    return report;
  });
}

template <typename Visit>
Heap::Report Heap::count_blocks(Visit&& visit) {
  Report report = this->report();
  std::array<Tally, 3> counted{};
  allocator_->blocks().walk([&](Offset block, Word word) {
    report.space.block(word);
    const std::uint64_t fence = word.state() == State::live ? report.fence : 0;
    const std::uint64_t usable = word.size() - word_bytes - fence;
    counted[static_cast<std::size_t>(word.state())].add(usable);
    visit(block, word, usable);
  });
  verify_counters(allocator_->counters(), counted[0], counted[1], counted[2]);
  report.space.wilderness(report.wilderness);
  return report;
}

template <typename Visit>
void Heap::for_each_handle(Visit&& visit) {
  const GuardInTurn guard(lock_);
  visit_handles(visit);
}

template <typename Visit>
void Heap::visit_handles(Visit&& visit) {
  if (!allocator_) return;
  const Region& region = allocator_->region();
  handles_.for_each(std::min(region.committed(), region.end()), visit);
}

}  // namespace rheap
