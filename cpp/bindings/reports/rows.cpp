#include "bindings/reports/rows.hpp"

#include <string>

#include "bindings/heap/site.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

/// The members of the package's BlockState in the order of `state_names`. Never let go: reports
/// are made until the interpreter ends.
PyObject* states = nullptr;

py::tuple names_of_states() {
  py::tuple names(state_names.size());
  for (std::size_t i = 0; i < state_names.size(); ++i) names[i] = py::str(state_names[i]);
  return names;
}

void use_states(const py::tuple& members) {
  if (!members.equal(names_of_states())) {
    throw py::value_error("the members of BlockState are not the states that the core knows");
  }
  Py_XSETREF(states, py::object(members).release().ptr());
}

}  // namespace

void Rows::add(const Heap::Seen& seen) {
  Row row{seen.payload.value, seen.usable, seen.usable, 0, 0, 0, state_of(seen)};
  if (seen.holders != nullptr) {
    row.pids = number_of(seen.holders->pids);
    row.size = seen.holders->bytes;
  }
  if (seen.handle != nullptr) {
    const BlockObject& owner = *block_of_handle(*seen.handle);
    row.size = seen.handle->bytes;
    row.holders = owner.pins;
    row.site = number_of(owner.allocated_at);
  }
  rows_.push_back(row);
}

void Rows::add(Offset payload, Word word) {
  const std::uint64_t capacity = word.size() - word_bytes;
  rows_.push_back({payload.value, capacity, capacity, 0, 0, 0, state_of(word.state())});
}

std::uint32_t Rows::number_of(const Site& site) {
  if (site.code == nullptr) return 0;
  const auto next = static_cast<std::uint32_t>(sites_.size());
  const auto [found, is_new] = numbers_.try_emplace({site.code, site.line}, next);
  if (is_new) sites_.push_back({py::reinterpret_borrow<py::object>(site.code), site.line, {}});
  return found->second;
}

std::uint32_t Rows::number_of(const std::vector<std::uint32_t>& pids) {
  const auto next = static_cast<std::uint32_t>(pids_.size());
  const auto [found, is_new] = number_of_pids_.try_emplace(pids, next);
  if (is_new) pids_.push_back(pids);
  return found->second;
}

py::object Rows::text_of(std::uint32_t site) {
  if (!sites_[site].text) {
    const std::string text = site_text({sites_[site].code.ptr(), sites_[site].line});
    sites_[site].text = text.empty() ? py::none() : py::object(py::str(text));
  }
  return sites_[site].text;
}

py::object Rows::pids_of(const Row& row) const {
  if (row.pids == 0) return py::none();
  const std::vector<std::uint32_t>& pids = pids_[row.pids];
  py::tuple tuple(pids.size());
  for (std::size_t i = 0; i < pids.size(); ++i) tuple[i] = pids[i];
  return tuple;
}

py::list Rows::read(std::ptrdiff_t first, std::ptrdiff_t step, std::size_t count) {
  py::list list(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(first + static_cast<std::ptrdiff_t>(i) * step);
    if (at >= rows_.size()) throw py::index_error("no such row");
    const Row& row = rows_[at];
    const py::handle state = PyTuple_GET_ITEM(states, static_cast<Py_ssize_t>(row.state));
    list[i] = py::make_tuple(row.offset, row.size, row.capacity, state, row.holders,
                             text_of(row.site), pids_of(row));
  }
  return list;
}

void register_rows(py::module_& module) {
  states = names_of_states().release().ptr();
  module.attr("STATES") = names_of_states();
  module.def("use_states", &use_states);
  py::class_<Rows>(module, "Rows").def("__len__", &Rows::size).def("read", &Rows::read);
}

}  // namespace rheap::bindings
