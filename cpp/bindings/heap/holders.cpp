#include "bindings/heap/holders.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "bindings/heap/block.hpp"
#include "bindings/heap/compacting.hpp"
#include "bindings/heap/patience.hpp"
#include "bindings/heap/site.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

struct Holding {
  py::object code;  ///< kept alive for its name
  Tally tally{};
  std::uint64_t lingering = 0;
  std::uint64_t waiting = 0;

  void add(const Holding& other) {
    tally.blocks += other.tally.blocks;
    tally.bytes += other.tally.bytes;
    lingering += other.lingering;
    waiting += other.waiting;
  }
};
using Line = std::pair<PyObject*, int>;  // of a code object, or of none
using Holder = std::pair<std::string, Holding>;

/// The lines of all live blocks.
std::map<Line, Holding> lines_of(Heap& heap) {
  std::map<Line, Holding> lines;
  const auto see = [&](const Heap::Seen& seen) {
    if (seen.handle == nullptr) return;
    const BlockObject* block = block_of_handle(*seen.handle);
    const auto [code, number] = block->allocated_at;
    const auto [line, is_new] = lines.try_emplace({code, number});
    // Only adds a reference: no Python code may run while the lock is held.
    if (is_new) line->second.code = py::reinterpret_borrow<py::object>(code);
    line->second.tally.add(seen.handle->bytes);
    line->second.lingering += block->closed;
    line->second.waiting += block->closed && block->pins == 0 ? 1 : 0;
  };
  patiently(heap, [&] { heap.walk(see); });
  return lines;
}

/// An empty site where it is not known.
std::vector<Holder> holders_of(Heap& heap) {
  std::map<std::string, Holding> sites;  // the same line may be in several code objects
  for (const auto& [line, holding] : lines_of(heap)) {
    sites[site_text({line.first, line.second})].add(holding);
  }
  std::vector<Holder> holders(sites.begin(), sites.end());
  std::ranges::stable_sort(holders, std::ranges::greater{},
                           [](const Holder& holder) { return holder.second.tally.bytes; });
  return holders;
}

py::list as_list(const std::vector<Holder>& holders, std::size_t most) {
  py::list list;
  for (const auto& [site, holding] : holders) {
    if (list.size() == most) break;
    const py::object text = site.empty() ? py::none() : py::object(py::str(site));
    list.append(py::make_tuple(text, holding.tally.bytes, holding.tally.blocks, holding.lingering,
                               holding.waiting));
  }
  return list;
}

}  // namespace

py::list list_holders(Heap& heap) {
  const std::vector<Holder> holders = holders_of(heap);
  return as_list(holders, holders.size());
}

void set_exhausted_with_holders(Heap& heap, const Exhausted& exhausted) {
  const bool kept_by_walls = heap.auto_compact() && exhausted.free >= exhausted.requested;
  try {
    const py::tuple holders = heap.debug() ? py::tuple(as_list(holders_of(heap), 3)) : py::tuple();
    const py::object walls = kept_by_walls ? py::object(list_walls(heap)) : py::none();
    set_exhausted(exhausted, holders.ptr(), walls.ptr());
  } catch (...) {  // damaged, or closed meanwhile
    set_python_error();
  }
}

}  // namespace rheap::bindings
