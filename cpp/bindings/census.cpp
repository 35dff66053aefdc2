#include "census.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "block.hpp"
#include "free_space.hpp"
#include "site.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

enum class Seen { live, pinned, exposed, lingering, deferred, free };
constexpr std::array state_names{"live", "pinned", "exposed", "lingering", "deferred", "free"};

Seen state_of(const Heap::Seen& seen) {
  if (seen.state == State::deferred) return Seen::deferred;
  if (seen.state == State::free) return Seen::free;
  if (seen.handle == nullptr) return Seen::live;  // a damaged region's
  const BlockObject* block = block_of_handle(*seen.handle);
  if (block->closed) return Seen::lingering;
  if (block->pins > 0) return Seen::pinned;
  return block->exposed ? Seen::exposed : Seen::live;
}

struct Row {
  std::uint64_t offset;
  std::uint64_t size;
  std::uint64_t capacity;
  Seen state;
  std::uint64_t holders;
  py::object code;  ///< of the line that allocated it, or none
  int line;
};

/// 8 bytes of the region and where they are.
struct Bytes {
  std::uint64_t place;
  std::uint64_t value;
};

/// All of one walk. Python objects are made from it when the lock is free again.
struct Survey {
  std::vector<Row> rows;
  std::vector<Bytes> bytes;
  std::vector<std::uint64_t> unlinked;
  std::array<Tally, state_names.size()> tallies{};
  Tally waiting{};  ///< of the lingering ones, those that no view sees
  Heap::Report report{};
};

/// What is read of a block: its word and what stands at the ends of its payload, which is where
/// links, footers and fences are. Of a small block or part, everything.
void read_block(const Heap& heap, const Part& part, Offset block, Offset end, Survey& found) {
  constexpr std::uint64_t small_part = word_bytes + 512;
  constexpr std::uint64_t small_block = word_bytes + 64;
  const bool whole = part.end - part.first <= small_part || end - block <= small_block;
  const std::uint64_t head = 3 * word_bytes;
  const std::uint64_t tail = heap.debug() ? word_bytes + fence::fence_bytes : word_bytes;
  const Offset upto = std::min(end, part.end);
  for (Offset at = std::max(block, part.first); at < upto; at = at + word_bytes) {
    if (!whole && at >= block + head) at = std::max(at, end - tail);
    if (at < upto) found.bytes.push_back({at.value, heap.load(at)});
  }
}

constexpr Part nothing{{0}, {0}, 0};
constexpr Part everything{{0}, {std::numeric_limits<std::uint64_t>::max()}, 0};

Survey survey(Heap& heap, const Part& part) {
  Survey found;
  found.report = heap.walk([&](const Heap::Seen& seen) {
    const Seen state = state_of(seen);
    found.tallies[static_cast<std::size_t>(state)].add(seen.room);
    if (state == Seen::lingering && block_of_handle(*seen.handle)->pins == 0) {
      found.waiting.add(seen.room);
    }
    const Offset block = block_of(seen.payload);
    const bool fenced = heap.debug() && seen.state == State::live;
    const Offset end = seen.payload + seen.room + (fenced ? fence::fence_bytes : 0);
    if (block >= part.end || end <= part.first) return;
    if (found.rows.size() < part.most) {
      read_block(heap, part, block, end, found);
      if (!seen.linked) found.unlinked.push_back(seen.payload.value);
    } else {
      found.bytes.clear();
    }
    Row row{seen.payload.value, seen.room, seen.room, state, 0, {}, 0};
    if (seen.handle != nullptr) {
      const BlockObject* owner = block_of_handle(*seen.handle);
      row.size = seen.handle->bytes;
      row.holders = owner->pins;
      row.code = py::reinterpret_borrow<py::object>(owner->site_code);
      row.line = owner->site_line;
    }
    found.rows.push_back(std::move(row));
  });
  return found;
}

py::dict figures(const Survey& found) {
  const auto of = [&](Seen state) { return found.tallies[static_cast<std::size_t>(state)]; };
  const Heap::Report& report = found.report;
  const Counters& count = report.counters;

  py::dict census;
  census["capacity"] = report.capacity;
  census["live_bytes"] = count.live.bytes;
  census["live_blocks"] = count.live.blocks;
  census["free_bytes"] = count.free.bytes + count.deferred.bytes;
  census["free_blocks"] = count.free.blocks + count.deferred.blocks;
  census["deferred_bytes"] = count.deferred.bytes;
  census["deferred_blocks"] = count.deferred.blocks;
  census["overhead_bytes"] = report.overhead;
  census["wilderness_bytes"] = report.wilderness;
  census["pinned_bytes"] = of(Seen::pinned).bytes;
  census["pinned_blocks"] = of(Seen::pinned).blocks;
  census["exposed_bytes"] = of(Seen::exposed).bytes;
  census["exposed_blocks"] = of(Seen::exposed).blocks;
  census["lingering_bytes"] = of(Seen::lingering).bytes;
  census["lingering_blocks"] = of(Seen::lingering).blocks;
  census["waiting_bytes"] = found.waiting.bytes;
  census["waiting_blocks"] = found.waiting.blocks;
  census["peak_bytes"] = count.peak_live_bytes;
  census["resident_bytes"] = report.resident;
  census["allocations"] = count.allocations;
  tell_space(census, report.space, word_bytes + report.fence);
  return census;
}

py::list table(const Survey& found) {
  py::list list(found.rows.size());
  for (std::size_t i = 0; i < found.rows.size(); ++i) {
    const Row& row = found.rows[i];
    const py::object site =
        row.code ? py::object(py::str(site_text(row.code.ptr(), row.line))) : py::none();
    list[i] = py::make_tuple(row.offset, row.size, row.capacity,
                             state_names[static_cast<std::size_t>(row.state)], row.holders, site);
  }
  return list;
}

}  // namespace

py::dict take_census(Heap& heap) { return figures(survey(heap, nothing)); }

py::list list_blocks(Heap& heap) { return table(survey(heap, everything)); }

py::tuple take_snapshot(Heap& heap, const Part& part) {
  const Survey found = survey(heap, part);
  py::dict bytes;
  for (const auto& [place, value] : found.bytes) bytes[py::int_(place)] = value;
  py::set unlinked;
  for (const std::uint64_t payload : found.unlinked) unlinked.add(payload);
  return py::make_tuple(table(found), figures(found), bytes, py::frozenset(unlinked),
                        found.report.fence);
}

}  // namespace rheap::bindings
