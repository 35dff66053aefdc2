#include "core/heap/membership.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "core/system/clock.hpp"
#include "core/system/memory.hpp"
#include "core/system/refused.hpp"
#include "core/system/threads.hpp"

/// The lock, what happens to one process's objects, what there is, and forks. Tickets, the
/// directory and what is done for the dead stand in files of their own.
namespace rheap {

using shared::ObjectRecord;
using shared::SlotRecord;
using shared::TicketRecord;

namespace {

/// How often a process tries to take the lock before it says that it is busy. A critical section
/// takes some ten nanoseconds, so a neighbour's is over by then.
constexpr unsigned tries = 100;
/// Microseconds that a fork waits for the lock.
constexpr std::uint64_t patience_of_fork = 10'000'000;

std::size_t bytes_of_locals(const SegmentShape& shape) { return shape.objects * 8; }

}  // namespace

Membership::Membership(Segment& segment, Allocator& allocator)
    : segment_(segment),
      allocator_(allocator),
      slots_(segment),
      objects_(segment, header().objects, segment.shape().objects_at(), segment.shape().objects),
      tickets_(segment, header().tickets, segment.shape().tickets_at(), segment.shape().objects),
      names_(segment, header().names, segment.shape().names_at(), segment.shape().objects),
      buckets_(reinterpret_cast<std::uint32_t*>(segment.base() + segment.shape().buckets_at())),
      locals_(reinterpret_cast<Local*>(system::sparse(bytes_of_locals(segment.shape())))) {
  static_assert(sizeof(Local) == 8);
  try {
    if (segment.is_new()) {
      SharedHeader& shared = header();
      if (const int code = shared.lock.make(); code != 0) {
        throw SystemRefused(code, "the system refused to make a lock for several processes");
      }
      shared.id = segment.id();
      shared.object_limit = segment.shape().objects;
      shared.next_serial = shared::first_serial;
    }
    joined_ = true;  // so that `enter` works
    enter();
    try {
      const std::optional<unsigned> slot = find_slot(mark_);
      if (!slot) throw SystemRefused(EUSERS, "too many processes are attached to this heap");
      slot_ = *slot;
      join(slot_, false);
    } catch (...) {
      leave();
      throw;
    }
    leave();
  } catch (...) {
    system::release(reinterpret_cast<std::byte*>(locals_), bytes_of_locals(segment.shape()));
    throw;
  }
}

Membership::~Membership() {
  sign_off();
  system::release(reinterpret_cast<std::byte*>(locals_), bytes_of_locals(segment_.shape()));
}

std::optional<unsigned> Membership::find_slot(system::LifeMark& mark) {
  if (auto slot = slots_.take(mark)) return slot;
  return bury_dead() > 0 ? slots_.take(mark) : std::nullopt;
}

void Membership::join(unsigned slot, bool inherited) {
  SlotRecord& record = slots_[slot];
  record.since = system::real_nanoseconds();
  record.pid = inherited ? 0 : static_cast<std::uint32_t>(getpid());
  record.inherited = inherited ? 1 : 0;
  Memory::store(record.serial, next_serial());
}

void Membership::sign_off() noexcept {
  if (!joined_ || !take_lock()) return;
  try {
    if (header().damaged == 0) {
      give_back_pending();
      release_row(slot_, TicketRecord::sender_left);
    }
    Memory::store(own().serial, std::uint64_t{0});
  } catch (const Damage& damage) {
    tell_damage(damage.where);
  }
  leave();
}

std::uint64_t Membership::next_serial() {
  const std::uint64_t serial = header().next_serial;
  Memory::store(header().next_serial, serial + 1);
  return serial;
}

// --- the lock -----------------------------------------------------------------------------------

bool Membership::take_lock() noexcept {
  using Taken = system::RobustLock::Taken;
  Taken taken = Taken::no;
  for (unsigned round = 0; round < tries; ++round) {
    taken = header().lock.try_to_take();
    if (taken != Taken::no) break;
    system::wait_a_little(round);
  }
  if (taken == Taken::no) return false;
  Memory::store(header().holder, std::uint64_t{slot_} + 1);
  if (taken == Taken::from_dead) [[unlikely]]
    recover();
  return true;
}

void Membership::enter() {
  if (!joined_) [[unlikely]]
    throw SystemRefused(EUSERS,
                        "this process has no place in the heap: when it was forked, too many "
                        "processes were attached, or the heap was busy for 10 seconds");
  if (!take_lock()) [[unlikely]]
    throw Contended{};
  if (header().damaged == 0) [[likely]] {
    if (pending_ == 0) [[likely]]
      return;
    try {
      return give_back_pending();
    } catch (const Damage& damage) {
      tell_damage(damage.where);
    }
  }
  const Offset where{header().damaged - 1};
  leave();
  throw Damage(where, "what another process of this heap found broken");
}

void Membership::leave() noexcept {
  Memory::store(header().holder, std::uint64_t{0});
  header().lock.give();
}

std::uint32_t Membership::holder_pid() const noexcept {
  const std::uint64_t holder = std::atomic_ref(header().holder).load(std::memory_order_acquire);
  if (holder == 0 || holder > SegmentShape::slots) return 0;
  return slots_[static_cast<unsigned>(holder - 1)].pid;
}

void Membership::tell_damage(Offset where) noexcept {
  if (header().damaged == 0) Memory::store(header().damaged, where.value + 1);
}

// --- objects ------------------------------------------------------------------------------------

void Membership::refuse_record(const char* records) {
  Exhausted exhausted;
  exhausted.capacity = segment_.shape().objects;
  exhausted.records = records;
  throw exhausted;
}

std::uint32_t Membership::take_object() {
  const auto object = objects_.take();
  if (!object) refuse_record("objects");
  try {
    slots_.provide(slot_, *object);
  } catch (...) {
    objects_.give(*object);
    throw;
  }
  return *object;
}

Allocation Membership::allocate(Handle& handle, std::uint64_t bytes, std::uint64_t align) {
  return insist([&] {
    const std::uint32_t object = take_object();
    Allocation allocation;
    try {
      allocation = allocator_.allocate(bytes, align);
    } catch (...) {
      objects_.give(object);
      throw;
    }
    ObjectRecord& record = objects_[object];
    Memory::store(record.payload.value, allocation.payload.value);
    Memory::store(record.bytes, bytes);
    Memory::store(record.holders, std::uint32_t{1});
    Memory::store(record.next, static_cast<std::uint32_t>(align));
    slots_.set(slot_, object);
    Memory::store(record.serial, next_serial());
    local(object).handles = 1;
    handle.object = object;
    return allocation;
  });
}

Allocation Membership::resize(const Handle& handle, std::uint64_t bytes) {
  ObjectRecord& record = objects_[handle.object];
  if (record.holders != 1) bury_dead();
  if (record.holders != 1 || local(handle.object).handles != 1) throw HeldByOthers(handle.payload);
  // Never more than the block has, whenever this is cut off.
  Memory::store(record.bytes, std::min(handle.bytes, bytes));
  try {
    const Allocation allocation = insist([&] {
      return allocator_.resize(handle.payload, handle.usable, handle.bytes, bytes, handle.align);
    });
    Memory::store(record.payload.value, allocation.payload.value);
    Memory::store(record.bytes, bytes);
    return allocation;
  } catch (...) {
    Memory::store(record.bytes, handle.bytes);
    throw;
  }
}

void Membership::let_go(const Handle& handle) {
  Local& known = local(handle.object);
  if (--known.handles > 0) return;
  const bool entered = joined_ && take_lock();
  if (!entered || header().damaged != 0) [[unlikely]] {
    known.next_pending = pending_;
    pending_ = handle.object + 1;
    if (entered) leave();
    return;
  }
  try {
    slots_.clear(slot_, handle.object);
    release(handle.object, handle.usable);
    give_back_pending();
  } catch (const Damage& damage) {
    tell_damage(damage.where);
    leave();
    throw;
  }
  leave();
}

void Membership::give_back_pending() {
  while (pending_ != 0) {
    const std::uint32_t object = pending_ - 1;
    pending_ = local(object).next_pending;
    slots_.clear(slot_, object);
    release(object);
  }
}

void Membership::release(std::uint32_t object, std::optional<std::uint64_t> usable) {
  ObjectRecord& record = objects_.in_use(object);
  if (record.holders == 0) [[unlikely]]
    BlockList::damaged(record.payload, "a count of those who have the block");
  const std::uint32_t left = record.holders - 1;
  Memory::store(record.holders, left);
  if (left > 0) return;
  const Offset payload = record.payload;
  Memory::store(record.serial, std::uint64_t{0});
  allocator_.release(payload, usable ? *usable : allocator_.usable_bytes(payload));
  objects_.give(object);
}

// --- what there is ------------------------------------------------------------------------------

std::vector<Member> Membership::members() {
  std::vector<Member> members;
  std::vector<std::uint64_t> serials;
  for (unsigned slot = 0; slot < slots_.made(); ++slot) {
    const SlotRecord& record = slots_[slot];
    if (record.serial == 0) continue;
    Member member{record.pid, record.since, 0, 0, 0, record.inherited != 0};
    slots_.for_each(slot, [&](std::uint32_t object) {
      ++member.blocks;
      member.bytes += objects_.in_use(object).bytes;
    });
    members.push_back(member);
    serials.push_back(record.serial);
  }
  tickets_.for_each([&](std::uint32_t, const TicketRecord& ticket) {
    const auto sender = std::ranges::find(serials, ticket.sender);
    if (sender != serials.end()) {
      ++members[static_cast<std::size_t>(sender - serials.begin())].tickets;
    }
  });
  return members;
}

std::vector<Membership::ObjectAt> Membership::placed() const {
  std::vector<ObjectAt> placed;
  objects_.for_each([&](std::uint32_t object, const ObjectRecord& record) {
    placed.push_back({record.payload, object});
  });
  std::ranges::sort(placed, {}, &ObjectAt::payload);
  return placed;
}

void Membership::holders(std::uint32_t object, Holders& found) const {
  found.bytes = objects_[object].bytes;
  found.pids.clear();
  for (unsigned slot = 0; slot < slots_.made(); ++slot) {
    const bool has = slots_[slot].serial != 0 && slots_.has(slot, object);
    if (has) found.pids.push_back(slots_[slot].pid);
  }
}

// --- fork ---------------------------------------------------------------------------------------

void Membership::before_fork() noexcept {
  if (!joined_) return;
  const std::uint64_t deadline = system::microseconds() + patience_of_fork;
  while (!take_lock()) {
    if (system::microseconds() > deadline) return;
    system::wait_a_little(tries * 2);
  }
  try {
    if (const auto slot = find_slot(mark_of_child_)) {
      // The child inherits the views of its parent, so it has what they show.
      slots_.copy(slot_, *slot, [&](std::uint32_t object) {
        std::uint32_t& holders = objects_.in_use(object).holders;
        Memory::store(holders, holders + 1);
      });
      join(*slot, true);
      slot_of_child_ = *slot;
      mark_of_child_.inherit(true);
    }
  } catch (const Damage& damage) {
    tell_damage(damage.where);
    mark_of_child_.release();
  } catch (...) {
    // The child will say that it is none of the heap's. What it was to have comes back with the
    // next burial.
    mark_of_child_.release();
  }
  leave();
}

void Membership::in_parent() noexcept { mark_of_child_.release(); }

void Membership::in_child() noexcept {
  mark_.forget();
  joined_ = joined_ && mark_of_child_.taken();
  if (!joined_) return;
  mark_.swap(mark_of_child_);
  mark_.inherit(false);
  slot_ = slot_of_child_;
  // The slot is this process's, and nobody needs its pid to be right at any moment.
  Memory::store(own().pid, static_cast<std::uint32_t>(getpid()));
}

}  // namespace rheap
