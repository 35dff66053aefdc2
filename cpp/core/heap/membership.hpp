#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/allocator/allocator.hpp"
#include "core/handles/handles.hpp"
#include "core/shared/pool.hpp"
#include "core/shared/segment.hpp"
#include "core/shared/slots.hpp"
#include "core/shared/tables.hpp"
#include "core/system/refused.hpp"
#include "core/system/sparse_array.hpp"

namespace rheap {

/// What travels when a block is handed to another process: claimed once, and from then on a weak
/// reference, good for as long as anybody has the block.
struct Ticket {
  std::uint64_t serial;
  std::uint64_t object_serial;
  std::uint32_t index;
  std::uint32_t object;
};
static_assert(sizeof(Ticket) == 24);

/// A process that is attached to a shared heap.
struct Member {
  std::uint32_t pid;     ///< 0: a forked child that has not said yet
  std::uint64_t since;   ///< nanoseconds of the real time clock
  std::uint64_t blocks;  ///< that it has
  std::uint64_t bytes;   ///< asked for in them
  std::uint64_t tickets;
  bool inherited;  ///< forked by a process that was attached
};

/// A ticket that nobody claimed yet.
struct InFlight {
  enum class Sender { alive, left, died };
  Sender sender;
  std::uint32_t pid;  ///< of a sender that is alive
  Offset payload;
  std::uint64_t bytes;
};

/// Who has a block of a shared heap.
struct Holders {
  std::vector<std::uint32_t> pids;
  std::uint64_t bytes;  ///< asked for
};

/// Why a forked child has no place in the heap of its parent.
struct Exclusion {
  int code = 0;  ///< errno; 0: the heap is damaged, and stays as it is
  const char* reason =
      nullptr;            ///< continues "the heap excluded this process when it was forked: "
  std::uint32_t pid = 0;  ///< of the process that had the lock, if that is the reason
};

/// The part of one process in a heap that several share: it takes the heap's lock, counts who has
/// which block, sends and claims tickets, buries the dead, and makes the heap whole again when one
/// died with the lock taken.
///
/// A block lives as an object: a record that says where it is. A process has the object as long as
/// it has handles of the block, which it counts for itself; its bit in its row says so to others.
/// The block is freed with the last process and ticket that have it. The order of the stores is
/// what a kill between any two of them may leave:
///
///   alloc    the block is live; the record's fields; own bit; its serial
///   let go   own bit; the serial; the block
///   send     the ticket's fields; its serial
///   claim    own bit; the ticket's serial
class Membership {
 public:
  /// The calling process joins. Throws SystemRefused (with EUSERS when too many are attached),
  /// Damage or Contended.
  Membership(Segment& segment, Allocator& allocator);
  /// Leaves in good order, if the lock can be had; else the others find out.
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // --- the lock: all that follows but what says otherwise happens with it held -------------------

  /// Takes it, makes the heap whole if its last holder died, and gives back what this process let
  /// go before. Throws Contended when another one has it, Damage, or SystemRefused when this
  /// process is none of the heap's; then the lock is not taken.
  void enter();
  void leave() noexcept;
  /// The process that has the lock, as far as can be seen without it; 0 for none.
  [[nodiscard]] std::uint32_t holder_pid() const noexcept;
  /// Tells all processes that the heap is damaged.
  void tell_damage(Offset where) noexcept;
  /// Whether this process was forked and got no place, so that it cannot look at the segment. (At a
  /// damaged one it can: nothing is ever freed there, so its views show what they showed.)
  [[nodiscard]] bool is_excluded() const { return exclusion_.code != 0; }
  [[noreturn]] void refuse_excluded() const;

  // --- objects and tickets ----------------------------------------------------------------------

  /// A new block for `handle`. Throws what Allocator::allocate throws, and Exhausted when there is
  /// no record left; before that the dead are buried and their tickets dropped.
  Allocation allocate(Handle& handle, std::uint64_t bytes, std::uint64_t align);
  /// Throws HeldByOthers, or what Allocator::resize throws; then nothing has changed. Otherwise the
  /// handle is that of the resized block, and the old one, if it moved, is given back.
  Allocation resize(const Handle& handle, std::uint64_t bytes);
  /// A ticket for the block of a handle. Throws as `allocate`.
  Ticket send(const Handle& handle);
  /// Makes `handle` one of the block that a ticket is for. Throws Gone, or Damage.
  Allocation claim(Handle& handle, const Ticket& ticket);
  /// The block of a handle has one handle less. Needs no lock, but that of the process: takes the
  /// other if it is free, else the process's next operation does what is to be done. Throws Damage.
  void let_go(const Handle& handle);

  /// Takes back tickets that nobody claimed: this process's, or those of the dead. Returns how
  /// many.
  std::uint64_t recall(bool of_the_dead);
  /// The tickets of this process stay when it ends.
  void say_farewell() { tell_tickets(own().serial, shared::TicketRecord::sender_left); }

  // --- the dead, and what there is ---------------------------------------------------------------

  /// Gives back what processes had that are no more. Returns how many processes those were.
  std::uint64_t bury_dead();
  [[nodiscard]] std::vector<Member> members();
  [[nodiscard]] std::vector<InFlight> in_flight() const;
  /// Records of live blocks by their place, to look them up in address order.
  struct ObjectAt {
    Offset payload;
    std::uint32_t object;
  };
  [[nodiscard]] std::vector<ObjectAt> placed() const;
  void holders(std::uint32_t object, Holders& found) const;
  /// Throws Damage unless records, rows, tickets, the blocks and this process's handles agree.
  void check(const HandleTable& handles) const;

  // --- the directory, see directory.cpp ----------------------------------------------------------

  /// From here on the name stands for the object of this ticket, which is spent, and for these
  /// bytes. What it stood for before is let go. Throws Gone, Exhausted or SystemRefused.
  void publish(std::string_view name, std::string_view value, const Ticket& ticket);
  /// The bytes that a name stands for.
  [[nodiscard]] std::optional<std::string> look_up(std::string_view name) const;
  /// Returns whether there was such a name.
  bool withdraw(std::string_view name);
  [[nodiscard]] std::vector<std::string> names() const;
  /// How many names there are. Throws Damage.
  [[nodiscard]] std::uint64_t named() const;
  /// Counts what was published.
  [[nodiscard]] std::uint32_t published() const {
    return std::atomic_ref(header().published).load();
  }
  /// Without any lock: sleeps until something is published after so much was, or that time is over.
  static void wait_for_more(const Segment& segment, std::uint32_t published,
                            std::uint64_t microseconds) noexcept;

  // --- fork: without the shared lock, with that of the process -----------------------------------

  void before_fork() noexcept;
  void in_parent() noexcept;
  void in_child() noexcept;
  /// Microseconds that a fork waits for the lock. Tests have less patience.
  static inline std::uint64_t patience_of_fork = 10'000'000;

 private:
  using Pool = shared::Pool<shared::ObjectRecord>;
  /// A name as it is stored, verified to lie in its block.
  struct NamedEntry {
    shared::EntryHeader header;
    std::string_view name;
    std::string_view value;
  };

  [[nodiscard]] SharedHeader& header() const { return allocator_.region().header().shared; }
  std::uint64_t next_serial();
  [[nodiscard]] shared::SlotRecord& own() const { return slots_[slot_]; }

  /// Damage aside nothing in it can fail. If it does, the process ends, and the next one gets the
  /// lock and tries again.
  bool take_lock() noexcept;
  void recover();
  void sweep();
  void count_holders();
  void drop_unheld();
  std::span<Offset> list_recorded() const;
  void free_unrecorded(std::span<const Offset> recorded);
  void join(unsigned slot, bool inherited);
  void sign_off() noexcept;
  std::optional<unsigned> find_slot(system::LifeMark& mark);
  Exclusion make_place_for_child();

  std::uint32_t take_object();
  std::uint32_t take_ticket();
  /// One holder less; with the last one goes the block, of so many usable bytes if that is known.
  void release(std::uint32_t object, std::optional<std::uint64_t> usable = std::nullopt);
  void drop_ticket(std::uint32_t index);
  [[nodiscard]] NamedEntry entry_of(std::uint32_t index) const;
  [[nodiscard]] std::optional<std::uint32_t> find_name(std::string_view name,
                                                       std::uint64_t hash) const;
  [[nodiscard]] std::uint32_t& bucket_of(std::uint64_t hash) const {
    return buckets_[hash % segment_.shape().objects];
  }
  void chain_name(std::uint32_t index);
  void unchain_name(std::uint32_t index);
  Offset write_entry(std::string_view name, std::string_view value, const Ticket& ticket);
  void let_entry_go(Offset entry, std::uint32_t object);
  void rebuild_names();
  [[noreturn]] void throw_damage() const;
  void check_names() const;
  void give_back_pending();
  bool drop_oldest_orphan();
  void release_row(unsigned slot, std::uint64_t sender);
  /// From now on their sender is another one.
  void tell_tickets(std::uint64_t sender, std::uint64_t now);
  /// Does `work`, again after each thing that could be given back for it, as long as it is refused.
  template <typename Work>
  auto insist(Work&& work);
  [[noreturn]] void refuse_record(const char* records);

  /// What this process alone knows of an object.
  struct Local {
    std::uint32_t handles;       ///< of the block
    std::uint32_t next_pending;  ///< one more than the next that is to be given back
  };
  [[nodiscard]] Local& local(std::uint32_t object) const { return locals_[object]; }

  Segment& segment_;
  Allocator& allocator_;
  shared::Slots slots_;
  Pool objects_;
  shared::Pool<shared::TicketRecord> tickets_;
  shared::Pool<shared::NameRecord> names_;
  std::uint32_t* buckets_;
  system::SparseArray<Local> locals_;
  /// For recovery, which must ask for no memory. Objects and entries of names each have a block,
  /// and a few may be in the making.
  system::SparseArray<Offset> places_;
  std::uint32_t pending_ = 0;  ///< one more than the first object that is to be given back
  unsigned slot_ = SegmentShape::slots;  ///< none, at first
  bool joined_ = false;
  system::LifeMark mark_;
  unsigned slot_of_child_ = 0;
  system::LifeMark mark_of_child_;  ///< while the process forks
  Exclusion exclusion_;             ///< of the child, while the process forks; then its own
};

template <typename Work>
auto Membership::insist(Work&& work) {
  for (bool buried = false;; buried = true) {
    const auto gave_back = [&] { return (!buried && bury_dead() > 0) || drop_oldest_orphan(); };
    try {
      return work();
    } catch (const Exhausted&) {
      if (!gave_back()) throw;
    } catch (const SystemRefused&) {
      if (!gave_back()) throw;
    }
  }
}

/// Finds who has the blocks that are asked for in address order; in a private heap it finds
/// nothing.
class HolderCursor {
 public:
  explicit HolderCursor(const std::optional<Membership>& membership) : membership_(membership) {
    if (membership_) placed_ = membership_->placed();
  }

  /// Of the block whose payload starts here, or nullptr. Good until the next.
  const Holders* find(Offset payload) {
    if (!membership_) return nullptr;
    while (at_ < placed_.size() && placed_[at_].payload < payload) ++at_;
    if (at_ == placed_.size() || placed_[at_].payload != payload) return nullptr;
    membership_->holders(placed_[at_].object, found_);
    return &found_;
  }

 private:
  const std::optional<Membership>& membership_;
  std::vector<Membership::ObjectAt> placed_;
  Holders found_{};
  std::size_t at_ = 0;
};

}  // namespace rheap
