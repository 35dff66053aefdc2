#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/heap/membership.hpp"

/// Blocks on their way to another process: a ticket has its object from `send` until it is claimed,
/// published under a name, taken back, or dropped for a request that would else be refused.
namespace rheap {

using shared::ObjectRecord;
using shared::TicketRecord;

std::uint32_t Membership::take_ticket() {
  const auto ticket = tickets_.take();
  if (!ticket) refuse_record("tickets");
  return *ticket;
}

Ticket Membership::send(const Handle& handle) {
  const std::uint32_t index = insist([&] { return take_ticket(); });
  ObjectRecord& object = objects_[handle.object];
  TicketRecord& ticket = tickets_[index];
  const std::uint64_t serial = next_serial();
  Memory::store(ticket.object_serial, object.serial);
  Memory::store(ticket.sender, own().serial);
  Memory::store(ticket.object, handle.object);
  Memory::store(object.holders, object.holders + 1);
  Memory::store(ticket.serial, serial);
  return {serial, object.serial, index, handle.object};
}

Allocation Membership::claim(Handle& handle, const Ticket& ticket) {
  const auto verify_there = [&] {
    if (!objects_.has(ticket.object, ticket.object_serial)) throw Gone{};
  };
  verify_there();
  // For want of memory the ticket itself may be dropped, and the object with it.
  insist([&] { slots_.provide(slot_, ticket.object); });
  verify_there();
  ObjectRecord& object = objects_[ticket.object];
  const std::uint64_t usable = allocator_.usable_bytes(object.payload);
  if (object.bytes > usable) {
    BlockList::damaged(object.payload, "a block as long as its record says");
  }
  const bool unclaimed = tickets_.has(ticket.index, ticket.serial) &&
                         tickets_[ticket.index].object == ticket.object &&
                         tickets_[ticket.index].object_serial == ticket.object_serial;
  if (!slots_.has(slot_, ticket.object)) {
    Memory::store(object.holders, object.holders + 1);
    slots_.set(slot_, ticket.object);
  }
  if (unclaimed) drop_ticket(ticket.index);
  ++local(ticket.object).handles;
  handle.object = ticket.object;
  handle.bytes = object.bytes;
  handle.align = object.align();
  return {object.payload, usable, object.bytes};
}

void Membership::drop_ticket(std::uint32_t index) {
  const std::uint32_t object = tickets_[index].object;
  Memory::store(tickets_[index].serial, std::uint64_t{0});
  tickets_.give(index);
  release(object);
}

std::uint64_t Membership::recall(bool of_the_dead) {
  const std::uint64_t sender = of_the_dead ? TicketRecord::sender_died : own().serial;
  std::uint64_t recalled = 0;
  tickets_.for_each([&](std::uint32_t index, const TicketRecord& ticket) {
    if (ticket.sender != sender) return;
    drop_ticket(index);
    ++recalled;
  });
  return recalled;
}

bool Membership::drop_oldest_orphan() {
  std::optional<std::uint32_t> oldest;
  tickets_.for_each([&](std::uint32_t index, const TicketRecord& ticket) {
    if (ticket.sender != TicketRecord::sender_died) return;
    if (!oldest || ticket.serial < tickets_[*oldest].serial) oldest = index;
  });
  if (oldest) drop_ticket(*oldest);
  return oldest.has_value();
}

void Membership::tell_tickets(std::uint64_t sender, std::uint64_t now) {
  tickets_.for_each([&](std::uint32_t index, const TicketRecord& ticket) {
    if (ticket.sender == sender) Memory::store(tickets_[index].sender, now);
  });
}

std::vector<InFlight> Membership::in_flight() const {
  using Sender = InFlight::Sender;
  std::vector<std::pair<std::uint64_t, InFlight>> found;
  tickets_.for_each([&](std::uint32_t, const TicketRecord& ticket) {
    const ObjectRecord& object = objects_.in_use(ticket.object);
    InFlight flight{Sender::alive, 0, object.payload, object.bytes};
    if (ticket.sender == TicketRecord::sender_left) flight.sender = Sender::left;
    if (ticket.sender == TicketRecord::sender_died) flight.sender = Sender::died;
    for (unsigned slot = 0; slot < slots_.made(); ++slot) {
      if (slots_[slot].serial == ticket.sender) flight.pid = slots_[slot].pid;
    }
    found.emplace_back(ticket.serial, flight);
  });
  std::ranges::sort(found, {}, [](const auto& entry) { return entry.first; });  // oldest first
  std::vector<InFlight> flights;
  flights.reserve(found.size());
  for (const auto& [serial, flight] : found) flights.push_back(flight);
  return flights;
}

}  // namespace rheap
