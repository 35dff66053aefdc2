#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/heap/membership.hpp"
#include "core/system/futex.hpp"

/// The directory of a shared heap: names that stand for objects. A name is a record in a table of
/// buckets; what it says stands in a block of its own, the entry. To publish is one decisive store:
/// the record's serial for a new name, its `entry` for one that is there. Whoever looks up finds
/// the old entry or the new one. Buckets are a cache, made anew by recovery.
namespace rheap {

using shared::EntryHeader;
using shared::NameRecord;

namespace {

/// FNV-1a (Fowler, Noll, Vo), 64 bits: names are short.
std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char letter : name) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001B3U;
  }
  return hash;
}

constexpr const char* whole_entry = "a name with its value in one block";

}  // namespace

Membership::NamedEntry Membership::entry_of(std::uint32_t index) const {
  const Offset place = names_.in_use(index).entry;
  const std::uint64_t bytes = allocator_.usable_bytes(place);
  NamedEntry entry{};
  if (bytes < sizeof entry.header) BlockList::damaged(place, whole_entry);
  const auto* at = reinterpret_cast<const char*>(allocator_.region().address(place));
  std::memcpy(&entry.header, at, sizeof entry.header);
  const std::uint64_t left = bytes - sizeof entry.header;
  const std::uint64_t name_bytes = entry.header.name_bytes;
  if (name_bytes > left || entry.header.value_bytes > left - name_bytes) {
    BlockList::damaged(place, whole_entry);
  }
  entry.name = {at + sizeof entry.header, name_bytes};
  entry.value = {at + sizeof entry.header + name_bytes, entry.header.value_bytes};
  return entry;
}

std::optional<std::uint32_t> Membership::find_name(std::string_view name,
                                                   std::uint64_t hash) const {
  if (header().buckets_ready == 0) return std::nullopt;
  std::uint64_t left = names_.made();
  for (std::uint32_t next = bucket_of(hash); next != 0; next = names_[next - 1].chain) {
    const NameRecord& record = names_.in_use(next - 1);
    if (left-- == 0) BlockList::damaged(record.entry, "names in a list that ends");
    if (record.hash == hash && entry_of(next - 1).name == name) return next - 1;
  }
  return std::nullopt;
}

void Membership::chain_name(std::uint32_t index) {
  std::uint32_t& bucket = bucket_of(names_[index].hash);
  Memory::store(names_[index].chain, bucket);
  Memory::store(bucket, index + 1);
}

void Membership::unchain_name(std::uint32_t index) {
  std::uint32_t* link = &bucket_of(names_[index].hash);
  std::uint64_t left = names_.made();
  while (*link != index + 1) {
    if (*link == 0 || *link > names_.made() || left-- == 0) {
      BlockList::damaged(names_[index].entry, "a name in the list of its bucket");
    }
    link = &names_[*link - 1].chain;
  }
  Memory::store(*link, names_[index].chain);
}

Offset Membership::write_entry(std::string_view name, std::string_view value,
                               const Ticket& ticket) {
  const EntryHeader head{ticket.object_serial, ticket.object,
                         static_cast<std::uint32_t>(name.size()), value.size()};
  const Allocation block = allocator_.allocate(sizeof head + name.size() + value.size(), 8);
  std::byte* at = allocator_.region().address(block.payload);
  std::memcpy(at, &head, sizeof head);
  std::memcpy(at + sizeof head, name.data(), name.size());
  std::memcpy(at + sizeof head + name.size(), value.data(), value.size());
  return block.payload;
}

void Membership::let_entry_go(Offset entry, std::uint32_t object) {
  allocator_.release(entry, allocator_.usable_bytes(entry));
  release(object);
}

void Membership::publish(std::string_view name, std::string_view value, const Ticket& ticket) {
  const auto verify_unclaimed = [&] {
    const bool unclaimed = tickets_.has(ticket.index, ticket.serial) &&
                           tickets_[ticket.index].object == ticket.object &&
                           tickets_[ticket.index].object_serial == ticket.object_serial &&
                           objects_.has(ticket.object, ticket.object_serial);
    if (!unclaimed) throw Gone{};
  };
  verify_unclaimed();
  const std::uint64_t hash = hash_of(name);
  const SegmentShape& shape = segment_.shape();
  if (header().buckets_ready == 0) {
    insist([&] { segment_.provide_table(shape.buckets_at(), shape.rows_at()); });
    Memory::store(header().buckets_ready, std::uint64_t{1});
  }
  const auto known = find_name(name, hash);
  const std::uint32_t index = known ? *known : insist([&] {
    const auto taken = names_.take();
    if (!taken) refuse_record("names");
    return *taken;
  });
  Offset entry;
  try {
    entry = insist([&] { return write_entry(name, value, ticket); });
    verify_unclaimed();  // for want of memory a ticket may have been dropped
  } catch (...) {
    if (entry) allocator_.release(entry, allocator_.usable_bytes(entry));
    if (!known) names_.give(index);
    throw;
  }
  NameRecord& record = names_[index];
  if (known) {
    const Offset old = record.entry;
    const std::uint32_t object = entry_of(index).header.object;
    Memory::store(record.entry.value, entry.value);
    let_entry_go(old, object);
  } else {
    Memory::store(record.hash, hash);
    Memory::store(record.entry.value, entry.value);
    Memory::store(record.serial, next_serial());
    chain_name(index);
    Memory::store(header().named, header().named + 1);
  }
  // What the ticket had, the name has.
  Memory::store(tickets_[ticket.index].serial, std::uint64_t{0});
  tickets_.give(ticket.index);
  // The processor must not look for waiters before the number has changed: one that came in between
  // would sleep on.
  std::atomic_ref(header().published).fetch_add(1);
  if (std::atomic_ref(header().waiters).load() > 0) system::wake_all(header().published);
}

void Membership::wait_for_more(const Segment& segment, std::uint32_t published,
                               std::uint64_t microseconds) noexcept {
  SharedHeader& shared = reinterpret_cast<HeapHeader*>(segment.base())->shared;
  // A waiter that is killed stays counted: publishers then ask the system to wake nobody.
  std::atomic_ref(shared.waiters).fetch_add(1);
  system::sleep_while(shared.published, published, microseconds);
  std::atomic_ref(shared.waiters).fetch_sub(1);
}

std::optional<std::string> Membership::look_up(std::string_view name) const {
  const auto index = find_name(name, hash_of(name));
  if (!index) return std::nullopt;
  return std::string(entry_of(*index).value);
}

bool Membership::withdraw(std::string_view name) {
  const auto index = find_name(name, hash_of(name));
  if (!index) return false;
  const Offset entry = names_[*index].entry;
  const std::uint32_t object = entry_of(*index).header.object;
  unchain_name(*index);
  Memory::store(names_[*index].serial, std::uint64_t{0});
  Memory::store(header().named, header().named - 1);
  names_.give(*index);
  let_entry_go(entry, object);
  return true;
}

std::vector<std::string> Membership::names() const {
  std::vector<std::string> names;
  names_.for_each(
      [&](std::uint32_t index, const NameRecord&) { names.emplace_back(entry_of(index).name); });
  return names;
}

std::uint64_t Membership::named() const {
  const std::uint64_t named = header().named;
  if (named > names_.made()) BlockList::damaged({}, "a count of the names");
  return named;
}

void Membership::rebuild_names() {
  names_.rebuild();
  std::uint64_t named = 0;
  if (header().buckets_ready != 0) {
    std::fill_n(buckets_, segment_.shape().objects, std::uint32_t{0});
    names_.for_each([&](std::uint32_t index, const NameRecord&) {
      chain_name(index);
      ++named;
    });
  }
  Memory::store(header().named, named);
}

void Membership::check_names() const {
  names_.verify();
  std::uint64_t named = 0;
  names_.for_each([&](std::uint32_t index, const NameRecord& record) {
    ++named;
    const NamedEntry entry = entry_of(index);
    if (find_name(entry.name, record.hash) != index || record.hash != hash_of(entry.name)) {
      BlockList::damaged(record.entry, "a name in the list of its bucket");
    }
    if (!objects_.has(entry.header.object, entry.header.object_serial)) {
      BlockList::damaged(record.entry, "an object for each name");
    }
  });
  if (named != header().named) BlockList::damaged({}, "a count of the names");
}

}  // namespace rheap
