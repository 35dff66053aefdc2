#include "doors.hpp"

#include <pybind11/stl.h>

#include <array>

namespace py = pybind11;

namespace rheap::bindings::doors {

namespace {

constexpr std::array names{"leave with", "call __exit__", "block.free", "heap.free"};
std::array<Py_ssize_t, names.size() + 1> accounted{};  // heap_close, the last: always none
Py_ssize_t last_seen = 0;

std::size_t door_named(const std::string& name) {
  for (std::size_t door = 0; door < names.size(); ++door) {
    if (name == names[door]) return door;
  }
  throw py::key_error(name);
}

}  // namespace

bool accounts_for_all(BlockObject* block, Door door) {
#ifdef Py_GIL_DISABLED
  static_cast<void>(block);
  static_cast<void>(door);
  return false;  // counts are split between threads there
#else
  last_seen = Py_REFCNT(block);
  return last_seen <= accounted[static_cast<std::size_t>(door)];
#endif
}

void register_doors(py::module_& module) {
  module.def(
      "doors", [] { return std::vector<std::string>(names.begin(), names.end()); },
      "The calls that close a block.");
  module.def(
      "last_references", [] { return last_seen; },
      "References that the last closing of a exposed block saw.");
  module.def(
      "account_for",
      [](const std::string& door, Py_ssize_t references) {
        accounted[door_named(door)] = references;
      },
      py::arg("door"), py::arg("references"),
      "Sets how many references a call through this door accounts for.");
}

}  // namespace rheap::bindings::doors
