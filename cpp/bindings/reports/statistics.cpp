#include "bindings/reports/statistics.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "bindings/heap/block.hpp"
#include "bindings/heap/patience.hpp"
#include "bindings/reports/free_space.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

/// The live blocks that somebody besides their owner sees.
struct SeenBlocks {
  std::array<Tally, state_names.size()> tallies{};
  Tally waiting{};  ///< of the lingering ones, those that no view sees

  void add(Handle& handle) {
    const BlockObject& block = *block_of_handle(handle);
    const BlockState state = state_of_live(block);
    tallies[static_cast<std::size_t>(state)].add(handle.usable);
    if (state == BlockState::lingering && block.pins == 0) waiting.add(handle.usable);
  }
};

/// 8 bytes of the region and where they are.
struct Bytes {
  std::uint64_t place;
  std::uint64_t value;
};

/// All of one walk. Python objects are made from it when the lock is free again.
struct Survey {
  Rows rows;
  std::vector<Bytes> bytes;
  SeenBlocks seen_blocks{};
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

Survey survey(Heap& heap, const Part& part) {
  Survey found;
  const auto see = [&](const Heap::Seen& seen) {
    if (seen.handle != nullptr) found.seen_blocks.add(*seen.handle);
    const Offset block = block_of(seen.payload);
    const bool fenced = heap.debug() && seen.state == State::live;
    const Offset end = seen.payload + seen.usable + (fenced ? fence::fence_bytes : 0);
    if (block >= part.end || end <= part.first) return;
    if (found.rows.size() < part.most) {
      read_block(heap, part, block, end, found);
    } else {
      found.bytes.clear();
    }
    found.rows.add(seen);
  };
  found.report = patiently(heap, [&] { return heap.walk(see); });
  return found;
}

py::dict figures(const Heap::Report& report, const SeenBlocks& seen) {
  const auto of = [&](BlockState state) { return seen.tallies[static_cast<std::size_t>(state)]; };
  const Counters& count = report.counters;

  py::dict result;
  result["capacity"] = report.capacity;
  result["live_bytes"] = count.live.bytes;
  result["live_blocks"] = count.live.blocks;
  result["free_bytes"] = count.free.bytes + count.deferred.bytes;
  result["free_blocks"] = count.free.blocks + count.deferred.blocks;
  result["deferred_bytes"] = count.deferred.bytes;
  result["deferred_blocks"] = count.deferred.blocks;
  result["overhead_bytes"] = report.overhead;
  result["wilderness_bytes"] = report.wilderness;
  result["pinned_bytes"] = of(BlockState::pinned).bytes;
  result["pinned_blocks"] = of(BlockState::pinned).blocks;
  result["exposed_bytes"] = of(BlockState::exposed).bytes;
  result["exposed_blocks"] = of(BlockState::exposed).blocks;
  result["lingering_bytes"] = of(BlockState::lingering).bytes;
  result["lingering_blocks"] = of(BlockState::lingering).blocks;
  result["waiting_bytes"] = seen.waiting.bytes;
  result["waiting_blocks"] = seen.waiting.blocks;
  result["peak_bytes"] = count.peak_live_bytes;
  result["resident_bytes"] = report.resident;
  result["allocations"] = count.allocations;
  tell_space(result, report.space, word_bytes + report.fence);
  return result;
}

}  // namespace

py::dict take_statistics(Heap& heap) {
  SeenBlocks seen;
  const auto see = [&](Handle& handle) { seen.add(handle); };
  const Heap::Report report = patiently(heap, [&] { return heap.measure(see); });
  return figures(report, seen);
}

Rows list_blocks(Heap& heap) {
  Rows rows;
  patiently(heap, [&] { heap.walk([&](const Heap::Seen& seen) { rows.add(seen); }); });
  return rows;
}

Snapshot take_snapshot(Heap& heap, const Part& part) {
  Survey found = survey(heap, part);
  py::dict words;
  for (const auto& [place, value] : found.bytes) words[py::int_(place)] = value;
  return {std::move(found.rows), figures(found.report, found.seen_blocks), words,
          found.report.fence};
}

}  // namespace rheap::bindings
