#include "bindings/heap/compacting.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "bindings/heap/tracing.hpp"
#include "core/system/clock.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

const BlockObject* owner_of(const Handle& handle) {
  return block_of_handle(const_cast<Handle&>(handle));
}

bool may_move(const BlockObject* block) { return block->pins == 0 && !block->exposed; }

std::uint64_t bound(const py::object& value, double unit) {
  return value.is_none() ? CompactionBounds::none
                         : static_cast<std::uint64_t>(value.cast<double>() * unit);
}

void tell(py::dict& report, const char* what, const Tally& tally) {
  report[(std::string(what) + "_blocks").c_str()] = tally.blocks;
  report[(std::string(what) + "_bytes").c_str()] = tally.bytes;
}

constexpr std::size_t most_walls = 3;

struct Wall {
  std::uint64_t offset;
  std::uint64_t bytes;
  std::uint32_t views;
};

}  // namespace

bool BlockOwners::may_move(const Handle& handle) noexcept {
  const BlockObject* block = owner_of(handle);
  if (bindings::may_move(block)) return true;
  (block->pins > 0 ? pinned : exposed).add(handle.usable + word_bytes);
  return false;
}

/// tracemalloc is told under the lock: that runs no Python code, and waits for nobody who could
/// wait for the heap.
void BlockOwners::moved(Handle& handle, Offset from) noexcept {
  BlockObject* block = block_of_handle(handle);
  if (!block->traced) return;
  Handle before = handle;
  before.payload = from;
  retrace(block, block->heap->address(before));
}

Owners& block_owners() {
  static BlockOwners owners;
  return owners;
}

py::dict compact(Heap& heap, const py::object& bytes, const py::object& seconds) {
  BlockOwners owners;
  const std::uint64_t began = system::microseconds();
  const Heap::CompactionReport done =
      heap.compact({.bytes = bound(bytes, 1), .microseconds = bound(seconds, 1e6)}, owners);
  py::dict report;
  report["seconds"] = static_cast<double>(system::microseconds() - began) / 1e6;
  tell(report, "moved", done.figures.moved);
  tell(report, "pinned", owners.pinned);
  tell(report, "exposed", owners.exposed);
  tell(report, "too_large", done.figures.too_large);
  report["largest_before"] = done.before.largest;
  report["largest_after"] = done.after.largest;
  report["free_bytes"] = done.after.free;
  report["extent_before"] = done.before.extent;
  report["extent_after"] = done.after.extent;
  report["finished"] = done.figures.finished;
  return report;
}

void compact_when(Heap& heap, const py::object& above, double until, double share) {
  std::optional<CompactionPlan::Terms> terms;
  if (!above.is_none()) terms = {above.cast<double>(), until, share};
  heap.compact_when(terms);
}

py::object compaction_terms(Heap& heap) {
  const auto terms = heap.compaction_terms();
  return terms ? py::object(py::make_tuple(terms->above, terms->until, terms->share)) : py::none();
}

py::tuple list_walls(Heap& heap) {
  Tally all{};
  std::vector<Wall> walls;
  walls.reserve(most_walls + 1);
  const auto larger = [](const Wall& one, const Wall& other) { return one.bytes > other.bytes; };
  heap.for_each_handle([&](Handle& handle) {
    const BlockObject* block = owner_of(handle);
    if (may_move(block)) return;
    all.add(handle.usable);
    walls.push_back({handle.payload.value, handle.usable, block->pins});
    std::ranges::sort(walls, larger);
    if (walls.size() > most_walls) walls.pop_back();
  });
  py::list largest;
  for (const auto& [offset, bytes_, views] : walls) {
    largest.append(py::make_tuple(offset, bytes_, views));
  }
  return py::make_tuple(all.blocks, all.bytes, py::tuple(largest));
}

}  // namespace rheap::bindings
