#include "bindings/reports/reports.hpp"

#include <algorithm>

#include "bindings/heap/block.hpp"
#include "bindings/heap/holders.hpp"
#include "bindings/interpreter/errors.hpp"
#include "bindings/reports/statistics.hpp"
#include "bindings/reports/tiling.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

Snapshot snapshot(Heap& heap, std::uint64_t first, std::uint64_t end, std::size_t most) {
  return take_snapshot(heap, {{align_down(first, 8)}, {end}, most});
}

Snapshot snapshot_around(const py::object& object, std::uint64_t margin, std::size_t most) {
  if (!is_block(object.ptr())) throw py::type_error("not a Block");
  auto* block = reinterpret_cast<BlockObject*>(object.ptr());
  if (!usable(block, "show")) throw py::error_already_set();
  const Offset payload = block->handle.payload;
  const Offset first{payload.value - std::min(payload.value, margin)};
  return take_snapshot(*block->heap, {first, payload + (block->handle.usable + margin), most});
}

/// All 8 bytes of a block's word, as they are.
struct RawWord {
  std::uint64_t raw;

  [[nodiscard]] Word word() const { return Word(raw); }
  [[nodiscard]] std::uint64_t payload() const { return word().size() - word_bytes; }
  [[nodiscard]] std::uint64_t state_bits() const {
    return static_cast<std::uint64_t>(word().state());
  }
  /// What that is called, or None.
  [[nodiscard]] py::object state() const {
    return word().state() > State::free ? py::none() : py::object(py::str(name_of(word().state())));
  }
  [[nodiscard]] bool after_free() const { return word().after_free(); }
  [[nodiscard]] std::uint64_t check() const { return raw >> Word::bit_count; }
};

/// The lowest bit of each field of a word, from the highest field to the lowest.
py::dict word_fields() {
  py::dict fields;
  fields["check"] = Word::bit_count;
  fields["payload"] = Word::payload_bit;
  fields["state"] = Word::state_bit;
  fields["after_free"] = 0;
  return fields;
}

void register_word(py::module_& module) {
  module.attr("WORD_FIELDS") = word_fields();
  py::class_<RawWord>(module, "Word")
      .def(py::init<std::uint64_t>())
      .def_property_readonly("payload", &RawWord::payload)
      .def_property_readonly("state", &RawWord::state)
      .def_property_readonly("state_bits", &RawWord::state_bits)
      .def_property_readonly("after_free", &RawWord::after_free)
      .def_property_readonly("check", &RawWord::check);
}

void register_snapshot(py::module_& module) {
  py::class_<Snapshot>(module, "Snapshot")
      .def_readonly("blocks", &Snapshot::blocks)
      .def_readonly("figures", &Snapshot::figures)
      .def_readonly("words", &Snapshot::words)
      .def_readonly("fence", &Snapshot::fence);
  module.def("snapshot", refused_as("draw a map", &snapshot));
  module.def("snapshot_around", refused_as("draw a map", &snapshot_around));
}

}  // namespace

void register_reports(py::module_& module) {
  register_rows(module);
  register_tiling(module);
  register_word(module);
  register_snapshot(module);
  module.def("statistics", refused_as("give stats", &take_statistics));
  module.def("rows", refused_as("list blocks", &list_blocks));
  module.def("holders", refused_as("list leaks", &list_holders));
}

}  // namespace rheap::bindings
