#include "core/heap/heap.hpp"

#include <utility>

#include "core/system/fork.hpp"

namespace rheap {

/// Locks every heap while the process forks, so that the child's copy of each is whole. (To make
/// new locks in the child would not do: another thread may have been in the middle of a change.)
/// The list's own lock comes first, then the heaps': nobody takes them the other way round.
class ForkGuard {
 public:
  static void enter(Heap& heap) {
    static const bool registered = [] {
      system::around_fork(lock_all, unlock_all, end_observations);
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
    for (Heap* heap = heaps_; heap != nullptr; heap = heap->next_heap_) heap->lock_.lock();
  }
  static void unlock_all() {
    for (Heap* heap = heaps_; heap != nullptr; heap = heap->next_heap_) heap->lock_.unlock();
    lock_.unlock();
  }

  static void end_observations() {
    for (Heap* heap = heaps_; heap != nullptr; heap = heap->next_heap_) {
      if (heap->observer_ == nullptr) continue;
      heap->observer_->forked();
      heap->drop_observer();
    }
    unlock_all();
  }

  inline static Lock lock_;
  inline static Heap* heaps_ = nullptr;
};

Heap::Heap(const Options& options)
    : lock_(options.callers_take_turns),
      allocator_(Allocator::Options{.capacity = align_down(options.capacity, 8),
                                    .coalesce = options.coalesce,
                                    .policy = options.policy,
                                    .fenced = options.debug}),
      handles_(allocator_->region().end()),
      base_(allocator_->region().base()),
      capacity_(allocator_->region().capacity()),
      has_quick_way_(allocator_->has_quick_way()),
      debug_(options.debug) {
  see_what_is_usual();
  if (options.prefault) allocator_->region().prefault();
  ForkGuard::enter(*this);
}

Heap::~Heap() { ForkGuard::leave(*this); }

Heap* Heap::open(const Options& options) { return new Heap(options); }

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
  if (handles_.count() == 0) allocator_.reset();
}

bool Heap::close_if_unused() noexcept {
  const GuardInTurn guard(lock_);
  if (!closed_ && handles_.count() == 0) {
    closed_ = true;
    see_what_is_usual();
    allocator_.reset();
  }
  return closed_;
}

std::uint64_t Heap::alloc(Handle& handle, std::uint64_t bytes, std::uint64_t align) {
  if (alloc_quickly(handle, bytes, align)) return bytes;
  return guarded<GuardInTurn>([&] {
    const Allocation allocation = allocator_->allocate(bytes, align);
    handle.align = align;
    bind(handle, allocation, bytes);
    if (observer_ != nullptr) [[unlikely]]
      observer_->allocated(handle);
    return allocation.dirty;
  });
}

void Heap::resize(Handle& handle, std::uint64_t bytes) {
  guarded<GuardInTurn>([&] {
    const Handle old = handle;
    const Allocation allocation =
        allocator_->resize(old.payload, old.usable, old.bytes, bytes, old.align);
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

void Heap::check() {
  guarded<Guard>([&] {
    allocator_->check();
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
  if (free_quickly(handle)) return;
  bool found = false;
  bool last = false;
  {
    const GuardInTurn guard(lock_);
    handles_.unlink(handle);
    if (observer_ != nullptr) [[unlikely]]
      observer_->released(handle);
    if (!damage_) {
      try {
        release(handle.payload, handle.usable);
      } catch (Damage& damage) {
        remember(damage);
        found = true;
      }
    }
    handle.payload = {};
    if (handles_.count() == 0) {
      if (closed_) allocator_.reset();
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
