#include "core/heap/heap.hpp"

#include <utility>

#include "core/allocator/check.hpp"
#include "core/system/fork.hpp"

namespace rheap {

/// Locks every heap while the process forks, so that the child's copy of each is whole. (To make
/// new locks in the child would not do: another thread may have been in the middle of a change.)
/// The list's own lock comes first, then the heaps': nobody takes them the other way round.
class ForkGuard {
 public:
  static void enter(Heap& heap) {
    static const bool registered = [] {
      system::around_fork(lock_all, go_on, go_on_in_child);
      return true;
    }();
    static_cast<void>(registered);
    const Guard guard(lock_);
    heap.next_heap_ = heaps_;
    if (heaps_ != nullptr) heaps_->previous_heap_ = &heap;
    heaps_ = &heap;
  }

  static void leave(Heap& heap) {
    const Guard guard(lock_);
    if (heap.next_heap_ != nullptr) heap.next_heap_->previous_heap_ = heap.previous_heap_;
    Heap*& before = heap.previous_heap_ != nullptr ? heap.previous_heap_->next_heap_ : heaps_;
    before = heap.next_heap_;
  }

 private:
  static void lock_all() {
    lock_.lock();
    for (Heap* heap = heaps_; heap != nullptr; heap = heap->next_heap_) {
      heap->lock_.lock();
      if (heap->membership_) heap->membership_->before_fork();
    }
  }
  static void unlock_all() {
    for (Heap* heap = heaps_; heap != nullptr; heap = heap->next_heap_) heap->lock_.unlock();
    lock_.unlock();
  }
  static void go_on() {
    for (Heap* heap = heaps_; heap != nullptr; heap = heap->next_heap_) {
      if (heap->membership_) heap->membership_->in_parent();
    }
    unlock_all();
  }

  static void go_on_in_child() {
    for (Heap* heap = heaps_; heap != nullptr; heap = heap->next_heap_) {
      if (heap->membership_) heap->membership_->in_child();
      if (heap->observer_ == nullptr) continue;
      heap->observer_->forked();
      heap->drop_observer();
    }
    unlock_all();
  }

  inline static Lock lock_;
  inline static Heap* heaps_ = nullptr;
};

namespace {

Allocator::Options allocator_options(const Heap::Options& options,
                                     std::shared_ptr<Backing> backing) {
  return {.capacity = align_down(options.capacity, 8),
          .coalesce = options.coalesce,
          .policy = options.policy,
          .fenced = options.debug,
          .backing = std::move(backing)};
}

}  // namespace

Heap::Heap(const Options& options, std::shared_ptr<Segment> segment)
    : lock_(options.callers_take_turns),
      segment_(std::move(segment)),
      allocator_(allocator_options(options, segment_)),
      handles_(allocator_->region().end()),
      owners_(options.owners),
      auto_compact_(options.auto_compact),
      base_(allocator_->region().base()),
      capacity_(allocator_->region().capacity()),
      has_quick_way_(allocator_->has_quick_way() && segment_ == nullptr),
      debug_(options.debug),
      id_(segment_ != nullptr ? segment_->id() : 0) {
  if (segment_ != nullptr) {
    membership_.emplace(*segment_, *allocator_);
  } else {
    compaction_.emplace(*allocator_, handles_);
  }
  see_what_is_usual();
  if (options.prefault) allocator_->region().prefault();
  ForkGuard::enter(*this);
}

Heap::~Heap() { ForkGuard::leave(*this); }

Heap* Heap::open(const Options& options) { return new Heap(options); }

Heap* Heap::open_shared(const Options& options, std::uint64_t blocks) {
  const SegmentShape shape{align_down(options.capacity, 8), align_up(blocks, 64)};
  return new Heap(options, std::make_shared<Segment>(shape));
}

Heap* Heap::attach(int descriptor, bool callers_take_turns) {
  auto segment = std::make_shared<Segment>(descriptor);
  try {
    const auto& header = *reinterpret_cast<const HeapHeader*>(segment->base());
    return new Heap({.capacity = segment->capacity(),
                     .debug = header.fenced != 0,
                     .callers_take_turns = callers_take_turns},
                    segment);
  } catch (...) {
    segment->keep_descriptor();
    throw;
  }
}

void Heap::disown() noexcept {
  bool last = false;
  {
    const GuardInTurn guard(lock_);
    owned_ = false;
    see_what_is_usual();
    last = handles_.count() == 0;
  }
  if (last) delete this;
}

void Heap::close() noexcept {
  const GuardInTurn guard(lock_);
  closed_ = true;
  see_what_is_usual();
  if (handles_.count() == 0) let_region_go();
}

bool Heap::close_if_unused() noexcept {
  const GuardInTurn guard(lock_);
  if (!closed_ && handles_.count() == 0) {
    closed_ = true;
    see_what_is_usual();
    let_region_go();
  }
  return closed_;
}

std::uint64_t Heap::alloc(Handle& handle, std::uint64_t bytes, std::uint64_t align, bool stays) {
  if (!membership_ && alloc_quickly(handle, bytes, align)) return bytes;
  return guarded<GuardInTurn>([&] {
    const Allocation allocation =
        membership_ ? membership_->allocate(handle, bytes, align) : allocate(bytes, align, stays);
    handle.align = align;
    bind(handle, allocation, bytes);
    if (observer_ != nullptr) [[unlikely]]
      observer_->allocated(handle);
    follow_plan();
    return allocation.dirty;
  });
}

Allocation Heap::allocate(std::uint64_t bytes, std::uint64_t align, bool stays) {
  if (plan_ && stays) {
    if (const auto low = plan_->place_low(*compaction_, bytes, align, *owners_)) return *low;
  }
  return served(bytes, align, [&] { return allocator_->allocate(bytes, align); });
}

/// What a request gets, for which blocks are moved if it would else be refused.
template <typename Request>
Allocation Heap::served(std::uint64_t bytes, std::uint64_t align, Request&& request) {
  try {
    return request();
  } catch (const Exhausted& exhausted) {
    if (!auto_compact_ || !compaction_ || exhausted.free < bytes) throw;
  }
  compaction_->make_room(bytes, align, *owners_);
  return request();
}

void Heap::resize(Handle& handle, std::uint64_t bytes) {
  guarded<GuardInTurn>([&] {
    Handle old;
    const Allocation allocation = served(bytes, handle.align, [&] {
      old = handle;  // it may have been moved to make room
      return membership_ ? membership_->resize(old, bytes)
                         : allocator_->resize(old.payload, old.usable, old.bytes, bytes, old.align);
    });
    handles_.unlink(handle);
    bind(handle, allocation, bytes);
    if (observer_ != nullptr) observer_->resized(handle, old.bytes);
    if (handle.payload != old.payload) release(old.payload, old.usable);
  });
}

/// Gives a block back. Damage that `keep_up` finds lies elsewhere, and this block is free by
/// then: so it is the next call that reports it.
void Heap::release(Offset payload, std::uint64_t usable) {
  allocator_->take_back(payload, usable);
  try {
    allocator_->keep_up();
    follow_plan();
  } catch (const Damage& damage) {
    damage_.emplace(damage);
    see_what_is_usual();
  }
}

std::uint64_t Heap::defrag() {
  return guarded<Guard>([&] { return allocator_->defrag(); });
}

std::uint64_t Heap::trim() {
  return guarded<Guard>([&] { return allocator_->trim(); });
}

Heap::CompactionReport Heap::compact(const CompactionBounds& bounds, Owners& owners) {
  return guarded<GuardInTurn>([&] {
    CompactionReport report;
    report.before = extent();
    report.figures = compaction_->run(bounds, owners);
    report.after = extent();
    if (observer_ != nullptr) observer_->compacted(bounds, report.figures);
    return report;
  });
}

void Heap::compact_when(const std::optional<CompactionPlan::Terms>& terms) {
  guarded<GuardInTurn>([&] {
    plan_.reset();
    if (terms) plan_.emplace(*terms);
    see_what_is_usual();
  });
}

Heap::Extent Heap::extent() const {
  const Offset wilderness = allocator_->blocks().wilderness();
  const std::uint64_t left = allocator_->region().end() - wilderness;
  const Counters& count = allocator_->counters();
  const std::uint64_t words = (count.free.blocks + count.deferred.blocks) * word_bytes;
  return {std::max(allocator_->largest_hole(), left),
          count.free.bytes + count.deferred.bytes + words + left,
          wilderness - allocator_->blocks().first()};
}

void Heap::check() {
  guarded<Guard>([&] {
    check_invariants(*allocator_);
    if (membership_) return membership_->check(handles_);
    std::uint64_t found = 0;
    handles_.for_each(allocator_->blocks().wilderness(), [&](const Handle& handle) {
      static_cast<void>(allocator_->verify_live(handle.payload, handle.usable));
      ++found;
    });
    if (found != handles_.count() || found != allocator_->counters().live.blocks) {
      BlockList::damaged({}, "a handle for each live block");
    }
  });
}

void Heap::verify(const Handle& handle) {
  guarded<GuardInTurn>([&] { allocator_->verify_release(handle.payload, handle.usable); });
}

bool Heap::observe(Observer& observer) {
  const Guard guard(lock_);
  if (closed_) throw Closed{};
  if (observer_ != nullptr) return false;
  observer_ = &observer;
  see_what_is_usual();
  return true;
}

void Heap::end_observation(const Observer& observer) noexcept {
  const Guard guard(lock_);
  if (observer_ == &observer) drop_observer();
}

void Heap::drop_observer() noexcept {
  observer_ = nullptr;
  see_what_is_usual();
  visit_handles([](Handle& handle) { handle.seen_as = 0; });
}

void Heap::free(Handle& handle) {
  if (!membership_ && free_quickly(handle)) return;
  bool found = false;
  bool last = false;
  {
    const GuardInTurn guard(lock_);
    handles_.unlink(handle);
    if (observer_ != nullptr) [[unlikely]]
      observer_->released(handle);
    if (!damage_) {
      try {
        membership_ ? membership_->let_go(handle) : release(handle.payload, handle.usable);
      } catch (Damage& damage) {
        remember(damage);
        found = true;
      }
    }
    handle.payload = {};
    if (handles_.count() == 0) {
      if (closed_) let_region_go();
      last = !owned_;
    }
  }
  if (found) [[unlikely]] {
    const Damage damage(*damage_);
    if (last) delete this;
    throw damage;
  }
  if (last) delete this;  // no lock held, no member touched after this
}

void Heap::provide(const Unprovided& range) {
  std::shared_ptr<Segment> segment;
  {
    const GuardInTurn guard(lock_);
    segment = segment_;
  }
  if (segment == nullptr) return;  // closed meanwhile: the next try will say so
  segment->provide_outside(range);
  const GuardInTurn guard(lock_);
  segment->is_provided(range);
}

Ticket Heap::send(const Handle& handle) {
  return guarded<GuardInTurn>([&] { return membership_->send(handle); });
}

void Heap::claim(Handle& handle, const Ticket& ticket) {
  guarded<GuardInTurn>([&] {
    const Allocation allocation = membership_->claim(handle, ticket);
    bind(handle, allocation, handle.bytes);
    if (observer_ != nullptr) observer_->allocated(handle);
  });
}

std::uint64_t Heap::recall(bool of_the_dead) {
  return guarded<GuardInTurn>([&] {
    if (of_the_dead) membership_->bury_dead();
    return membership_->recall(of_the_dead);
  });
}

std::uint64_t Heap::bury_dead() {
  return guarded<GuardInTurn>([&] { return membership_->bury_dead(); });
}

void Heap::say_farewell() {
  guarded<GuardInTurn>([&] { membership_->say_farewell(); });
}

void Heap::publish(std::string_view name, std::string_view value, const Ticket& ticket) {
  guarded<GuardInTurn>([&] { membership_->publish(name, value, ticket); });
}

std::optional<std::string> Heap::look_up(std::string_view name) {
  return guarded<GuardInTurn>([&] { return membership_->look_up(name); });
}

bool Heap::withdraw(std::string_view name) {
  return guarded<GuardInTurn>([&] { return membership_->withdraw(name); });
}

std::vector<std::string> Heap::names() {
  return guarded<GuardInTurn>([&] { return membership_->names(); });
}

std::uint64_t Heap::named() {
  return guarded<GuardInTurn>([&] { return membership_->named(); });
}

std::uint32_t Heap::published() {
  return guarded<GuardInTurn>([&] { return membership_->published(); });
}

void Heap::wait_for_more(std::uint32_t published, std::uint64_t microseconds) {
  std::shared_ptr<Segment> segment;
  {
    const GuardInTurn guard(lock_);
    segment = segment_;  // so that it stays mapped while this sleeps
  }
  if (segment != nullptr) Membership::wait_for_more(*segment, published, microseconds);
}

std::vector<Member> Heap::members() {
  return guarded<GuardInTurn>([&] {
    membership_->bury_dead();
    return membership_->members();
  });
}

std::vector<InFlight> Heap::in_flight() {
  return guarded<GuardInTurn>([&] {
    membership_->bury_dead();
    return membership_->in_flight();
  });
}

std::uint32_t Heap::busy_pid() noexcept {
  const GuardInTurn guard(lock_);
  return membership_ ? membership_->holder_pid() : 0;
}

int Heap::descriptor() {
  const GuardInTurn guard(lock_);
  if (closed_ || segment_ == nullptr) throw Closed{};
  return segment_->file().descriptor;
}

Heap::Report Heap::report() const {
  const Region& region = allocator_->region();
  const Counters& count = allocator_->counters();
  const std::uint64_t blocks = count.live.blocks + count.deferred.blocks + count.free.blocks;
  const std::uint64_t fence = allocator_->fenced() ? fence::fence_bytes : 0;
  return {count,
          capacity_,
          region.end() - allocator_->blocks().wilderness(),
          blocks * word_bytes + count.live.blocks * fence,
          fence,
          region.resident(),
          {}};
}

}  // namespace rheap
