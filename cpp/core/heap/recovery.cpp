#include <algorithm>
#include <vector>

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
    allocator_.rebuild();
    sweep();
  } catch (const Damage& damage) {
    tell_damage(damage.where);
  } catch (...) {  // this process has no memory for it
    tell_damage({});
  }
  header().lock.is_whole();
}

/// Counts anew who has which object, lets go what nobody has, and frees live blocks that have no
/// record: they were being allocated, or given back.
void Membership::sweep() {
  std::vector<std::uint32_t> holders(objects_.made(), 0);
  const auto exists = [&](std::uint32_t object) {
    return object < holders.size() && objects_[object].serial != 0;
  };
  for (unsigned slot = 0; slot < slots_.made(); ++slot) {
    if (slots_[slot].serial == 0) continue;
    slots_.for_each(slot, [&](std::uint32_t object) {
      if (exists(object)) {
        ++holders[object];
      } else {
        slots_.clear(slot, object);
      }
    });
  }
  tickets_.for_each([&](std::uint32_t index, const TicketRecord& ticket) {
    if (exists(ticket.object) && objects_[ticket.object].serial == ticket.object_serial) {
      ++holders[ticket.object];
    } else {
      Memory::store(tickets_[index].serial, std::uint64_t{0});
    }
  });
  names_.for_each([&](std::uint32_t index, const NameRecord&) {
    const shared::EntryHeader entry = entry_of(index).header;
    if (exists(entry.object) && objects_[entry.object].serial == entry.object_serial) {
      ++holders[entry.object];
    } else {
      Memory::store(names_[index].serial, std::uint64_t{0});
    }
  });
  objects_.for_each([&](std::uint32_t object, const ObjectRecord&) {
    ObjectRecord& record = objects_[object];
    if (holders[object] == 0) {
      Memory::store(record.serial, std::uint64_t{0});
    } else {
      Memory::store(record.holders, holders[object]);
    }
  });

  std::vector<ObjectAt> recorded = placed();
  names_.for_each(
      [&](std::uint32_t, const NameRecord& record) { recorded.push_back({record.entry, 0}); });
  std::ranges::sort(recorded, {}, &ObjectAt::payload);
  auto next = recorded.begin();
  std::vector<Offset> nobodys;
  allocator_.blocks().walk([&](Offset block, Word word) {
    if (word.state() != State::live) return;
    const Offset payload = payload_of(block);
    if (next != recorded.end() && next->payload < payload) inconsistent(next->payload);
    if (next != recorded.end() && next->payload == payload) {
      ++next;
    } else {
      nobodys.push_back(payload);
    }
  });
  if (next != recorded.end()) inconsistent(next->payload);
  for (const Offset payload : nobodys) {
    allocator_.release(payload, allocator_.usable_bytes(payload));
  }
  objects_.rebuild();
  tickets_.rebuild();
  rebuild_names();
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
