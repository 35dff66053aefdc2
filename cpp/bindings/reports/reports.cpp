#include "bindings/reports/reports.hpp"

#include <algorithm>

#include "bindings/heap/block.hpp"
#include "bindings/heap/holders.hpp"
#include "bindings/reports/census.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

py::tuple snapshot(Heap& heap, std::uint64_t first, std::uint64_t end, std::size_t most) {
  return take_snapshot(heap, {{align_down(first, 8)}, {end}, most});
}

py::tuple snapshot_around(const py::object& object, std::uint64_t margin, std::size_t most) {
  if (!is_block(object.ptr())) throw py::type_error("not a Block");
  auto* block = reinterpret_cast<BlockObject*>(object.ptr());
  if (!usable(block, "show")) throw py::error_already_set();
  const Offset payload = block->handle.payload;
  const Offset first{payload.value - std::min(payload.value, margin)};
  return take_snapshot(*block->heap, {first, payload + (block->handle.room + margin), most});
}

}  // namespace

void register_reports(py::module_& module) {
  module.def("census", &take_census);
  module.def("rows", &list_blocks);
  module.def("holders", &list_holders);
  module.def("snapshot", &snapshot);
  module.def("snapshot_around", &snapshot_around);
}

}  // namespace rheap::bindings
