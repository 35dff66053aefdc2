#include "core/heap/membership.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>
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

}  // namespace

Membership::Membership(Segment& segment, Allocator& allocator)
    : segment_(segment),
      allocator_(allocator),
      slots_(segment),
      objects_(segment, header().objects, segment.shape().objects_at(), segment.shape().objects),
      tickets_(segment, header().tickets, segment.shape().tickets_at(), segment.shape().objects),
      names_(segment, header().names, segment.shape().names_at(), segment.shape().objects),
      buckets_(reinterpret_cast<std::uint32_t*>(segment.base() + segment.shape().buckets_at())),
      locals_(segment.shape().objects),
      places_(segment.shape().objects * 3) {
  if (segment.start() == Backing::Start::afresh) {
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
}

Membership::~Membership() { sign_off(); }

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
    refuse_excluded();
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
  leave();
  throw_damage();
}

void Membership::throw_damage() const {
  throw Damage({header().damaged - 1}, "what another process of this heap found broken");
}

void Membership::leave() noexcept {
  Memory::store(header().holder, std::uint64_t{0});
  header().lock.give();
}

std::uint32_t Membership::holder_pid() const noexcept {
  if (!joined_) return 0;
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

/// The child inherits the views of its parent, so it must have what they show. Whatever that takes
/// is made ready here; a child for which something is missing must not look.
void Membership::before_fork() noexcept {
  if (!joined_) return;
  const std::uint64_t deadline = system::microseconds() + patience_of_fork;
  while (!take_lock()) {
    if (system::microseconds() > deadline) {
      exclusion_ = {EBUSY, "another process had the heap's lock, and kept it", holder_pid()};
      return;
    }
    system::wait_a_little(tries * 2);
  }
  try {
    exclusion_ = make_place_for_child();
  } catch (const Damage& damage) {
    tell_damage(damage.where);
    exclusion_ = {0, "the heap is damaged"};
  } catch (const SystemRefused& refused) {
    exclusion_ = {refused.code, "the system refused what marks it as alive, or memory for it"};
  } catch (...) {
    exclusion_ = {ENOMEM, "there was no memory left to say why"};
  }
  // What an excluded child was to have comes back when the dead are next looked for.
  if (exclusion_.reason != nullptr) mark_of_child_.release();
  leave();
}

/// Returns why there is none, or no reason. Throws Damage or SystemRefused.
Exclusion Membership::make_place_for_child() {
  if (header().damaged != 0) return {0, "the heap is damaged"};
  const auto slot = find_slot(mark_of_child_);
  if (!slot) return {EUSERS, "1,024 processes were attached already"};
  slots_.copy(slot_, *slot, [&](std::uint32_t object) {
    std::uint32_t& holders = objects_.in_use(object).holders;
    Memory::store(holders, holders + 1);
  });
  join(*slot, true);
  slot_of_child_ = *slot;
  if (!mark_of_child_.inherit(true))
    return {ENOMEM, "the system refused to let it inherit its mark"};
  return {};
}

void Membership::in_parent() noexcept {
  mark_of_child_.release();
  if (joined_) exclusion_ = {};
}

void Membership::in_child() noexcept {
  mark_.forget();
  if (!joined_) return;
  if (exclusion_.reason != nullptr) {
    joined_ = false;
    if (is_excluded()) segment_.forbid();
    return;
  }
  mark_.swap(mark_of_child_);
  mark_.inherit(false);
  slot_ = slot_of_child_;
  // The slot is this process's, and nobody needs its pid to be right at any moment.
  Memory::store(own().pid, static_cast<std::uint32_t>(getpid()));
}

void Membership::refuse_excluded() const {
  if (!is_excluded()) throw_damage();
  std::string text = "when this process was forked the heap had no place for it: ";
  text += exclusion_.reason;
  if (exclusion_.pid != 0) text += " (process " + std::to_string(exclusion_.pid) + ")";
  text += ": " + std::generic_category().message(exclusion_.code) +
          "; what its parent had in the heap is out of its reach";
  throw SystemRefused(exclusion_.code, text);
}

}  // namespace rheap
