#include <algorithm>
#include <span>
#include <vector>

#include "core/allocator/rebuild.hpp"
#include "core/heap/membership.hpp"

/// What is done for those who died: burial of a process that was attached, and recovery of the heap
/// when it had the lock. Either may be cut off at any store and then be done again.
namespace rheap {

using shared::NameRecord;
using shared::ObjectRecord;
using shared::TicketRecord;

namespace {

[[noreturn]] void inconsistent(Offset where) {
  BlockList::damaged(where, "a live block for each record of one");
}

}  // namespace

std::uint64_t Membership::bury_dead() {
  std::uint64_t buried = 0;
  for (unsigned slot = 0; slot < slots_.made(); ++slot) {
    const bool other = slots_[slot].serial != 0 && slot != slot_;
    if (!other || slots_.is_alive(slot)) continue;
    release_row(slot, TicketRecord::sender_died);
    Memory::store(slots_[slot].serial, std::uint64_t{0});
    ++buried;
  }
  return buried;
}

/// Gives back what a process has, and says to its tickets what became of it.
void Membership::release_row(unsigned slot, std::uint64_t sender) {
  slots_.empty(slot, [&](std::uint32_t object) { release(object); });
  tell_tickets(slots_[slot].serial, sender);
}

/// The lock came from a process that died with it: everything it guards may be half done. It counts
/// as whole only afterwards, so who dies in here leaves it to the next one.
void Membership::recover() {
  try {
    rebuild(allocator_);
    sweep();
  } catch (const Damage& damage) {
    tell_damage(damage.where);
  }
  header().lock.is_whole();
}

/// Counts anew who has which object, lets go what nobody has, and frees live blocks that have no
/// record: they were being allocated, or given back. It asks for no memory, which the system might
/// refuse to this process of all.
void Membership::sweep() {
  count_holders();
  drop_unheld();
  free_unrecorded(list_recorded());
  places_.forget();
  objects_.rebuild();
  tickets_.rebuild();
  rebuild_names();
}

/// Drops what says that it has an object, and the object is gone.
void Membership::count_holders() {
  objects_.for_each(
      [](std::uint32_t, ObjectRecord& record) { Memory::store(record.holders, std::uint32_t{0}); });
  const auto count = [](ObjectRecord& object) {
    Memory::store(object.holders, object.holders + 1);
  };
  const std::uint64_t made = objects_.made();
  for (unsigned slot = 0; slot < slots_.made(); ++slot) {
    if (slots_[slot].serial == 0) continue;
    slots_.for_each(slot, [&](std::uint32_t object) {
      if (object < made && objects_[object].serial != 0) {
        count(objects_[object]);
      } else {
        slots_.clear(slot, object);
      }
    });
  }
  tickets_.for_each([&](std::uint32_t, TicketRecord& ticket) {
    if (objects_.has(ticket.object, ticket.object_serial)) {
      count(objects_[ticket.object]);
    } else {
      Memory::store(ticket.serial, std::uint64_t{0});
    }
  });
  names_.for_each([&](std::uint32_t index, NameRecord& name) {
    const shared::EntryHeader entry = entry_of(index).header;
    if (objects_.has(entry.object, entry.object_serial)) {
      count(objects_[entry.object]);
    } else {
      Memory::store(name.serial, std::uint64_t{0});
    }
  });
}

void Membership::drop_unheld() {
  objects_.for_each([](std::uint32_t, ObjectRecord& record) {
    if (record.holders == 0) Memory::store(record.serial, std::uint64_t{0});
  });
}

/// The payloads of all blocks that have a record or hold a name, in address order.
std::span<Offset> Membership::list_recorded() const {
  std::size_t count = 0;
  objects_.for_each(
      [&](std::uint32_t, const ObjectRecord& record) { places_[count++] = record.payload; });
  names_.for_each(
      [&](std::uint32_t, const NameRecord& record) { places_[count++] = record.entry; });
  const std::span<Offset> recorded = places_.items().first(count);
  std::ranges::sort(recorded);
  return recorded;
}

/// Frees the live blocks that have no record. Throws Damage unless each record has its block.
void Membership::free_unrecorded(std::span<const Offset> recorded) {
  const std::span<Offset> unrecorded = places_.items().subspan(recorded.size());
  std::size_t found = 0;
  auto next = recorded.begin();
  allocator_.blocks().walk([&](Offset block, Word word) {
    if (word.state() != State::live) return;
    const Offset payload = payload_of(block);
    if (next != recorded.end() && *next < payload) inconsistent(*next);
    if (next != recorded.end() && *next == payload) {
      ++next;
    } else {
      if (found == unrecorded.size()) inconsistent(payload);
      unrecorded[found++] = payload;
    }
  });
  if (next != recorded.end()) inconsistent(*next);
  for (const Offset payload : unrecorded.first(found)) {
    allocator_.release(payload, allocator_.usable_bytes(payload));
  }
}

void Membership::check(const HandleTable& handles) const {
  const auto verify = [&](bool holds, const ObjectRecord& record, const char* invariant) {
    if (!holds) BlockList::damaged(record.payload, invariant);
  };
  objects_.verify();
  tickets_.verify();
  std::vector<std::uint32_t> counted(objects_.made(), 0);
  const auto count = [&](std::uint32_t object) {
    if (object >= counted.size() || objects_[object].serial == 0) inconsistent({});
    ++counted[object];
  };
  for (unsigned slot = 0; slot < slots_.made(); ++slot) {
    if (slots_[slot].serial != 0) slots_.for_each(slot, count);
  }
  tickets_.for_each([&](std::uint32_t, const TicketRecord& ticket) { count(ticket.object); });
  names_.for_each(
      [&](std::uint32_t index, const NameRecord&) { count(entry_of(index).header.object); });
  check_names();

  std::uint64_t objects = 0;
  objects_.for_each([&](std::uint32_t object, const ObjectRecord& record) {
    ++objects;
    verify(record.holders == counted[object], record, "a count of those who have the block");
    const std::uint64_t usable = allocator_.usable_bytes(record.payload);
    verify(record.bytes <= usable, record, "a block as long as its record says");
  });
  if (objects + header().named != allocator_.counters().live.blocks) inconsistent({});

  std::vector<std::uint32_t> known(counted.size(), 0);
  handles.for_each(allocator_.blocks().wilderness(), [&](const Handle& handle) {
    static_cast<void>(allocator_.verify_live(handle.payload, handle.usable));
    const ObjectRecord& record = objects_[handle.object];
    const bool same = record.serial != 0 && record.payload == handle.payload;
    verify(same && slots_.has(slot_, handle.object), record, "a record for each handle");
    ++known[handle.object];
  });
  for (std::uint32_t object = 0; object < known.size(); ++object) {
    verify(known[object] == 0 || known[object] == local(object).handles, objects_[object],
           "a handle for each time that the block is had");
  }
}

}  // namespace rheap
