#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/region/layout.hpp"
#include "core/shared/segment.hpp"

/// The tables of a heap that several processes share. What is the truth in them, and all else can
/// be made anew from: `serial != 0` of slots, objects and tickets, and the bits of rows.
namespace rheap::shared {

/// A process that is attached.
struct SlotRecord {
  std::uint64_t serial;     ///< no other process ever had it; 0: nobody
  std::uint64_t since;      ///< nanoseconds of the real time clock
  std::uint64_t row_ready;  ///< so many bytes of its row have memory
  std::uint32_t pid;        ///< 0 until a forked child said its own
  std::uint32_t inherited;  ///< 1: it was forked by a process that was attached
  std::uint64_t reserved[4];
};
static_assert(sizeof(SlotRecord) == SegmentShape::slot_bytes);

/// A live block, which lives as long as a process or a ticket has it.
struct ObjectRecord {
  std::uint64_t serial;  ///< 0: none
  Offset payload;
  std::uint64_t bytes;    ///< asked for
  std::uint32_t holders;  ///< processes, tickets and names that have it
  std::uint32_t next;     ///< of a free record: one more than the next free one; else see `align`

  /// Of the payload, for when the block is resized. Any number there makes a sound one.
  [[nodiscard]] std::uint64_t align() const {
    return std::clamp<std::uint64_t>(std::bit_floor(next), 8, largest_align);
  }
};
static_assert(sizeof(ObjectRecord) == SegmentShape::object_bytes);

/// An object on its way to another process. It has the object until it is claimed.
struct TicketRecord {
  std::uint64_t serial;         ///< 0: none
  std::uint64_t object_serial;  ///< of the object it is for
  std::uint64_t sender;         ///< the serial of the process that sent it, or one of these:
  std::uint32_t object;
  std::uint32_t next;

  static constexpr std::uint64_t sender_left = 1;  ///< it gave up its slot in good order
  static constexpr std::uint64_t sender_died = 2;
};
static_assert(sizeof(TicketRecord) == SegmentShape::ticket_bytes);

/// A name of the directory. It has an object until it is taken out, or has another one.
struct NameRecord {
  std::uint64_t serial;  ///< 0: none
  std::uint64_t hash;    ///< of the name
  Offset entry;          ///< the payload of the block where name and value stand
  std::uint32_t chain;   ///< one more than the next name of the same bucket
  std::uint32_t next;    ///< of a free record: one more than the next free one
};
static_assert(sizeof(NameRecord) == SegmentShape::name_bytes);

/// What an entry begins with. The bytes of the name and those of the value follow.
struct EntryHeader {
  std::uint64_t object_serial;
  std::uint32_t object;
  std::uint32_t name_bytes;
  std::uint64_t value_bytes;
};

/// Serials start above the marks for senders.
inline constexpr std::uint64_t first_serial = 16;

}  // namespace rheap::shared
