#include "bindings/traces/chooser.hpp"

namespace py = pybind11;

namespace rheap::bindings {

std::optional<Offset> PythonChooser::choose(std::uint64_t size, std::span<const Hole> holes) {
  if (holes.empty()) return std::nullopt;
  const py::gil_scoped_acquire gil;
  py::list places(holes.size());
  for (std::size_t number = 0; number < holes.size(); ++number) {
    places[number] = py::make_tuple(holes[number].start.value, holes[number].size);
  }
  answer_ = choose_(size, places);
  if (answer_.is_none()) return std::nullopt;
  const bool pair = PyTuple_Check(answer_.ptr()) && PyTuple_GET_SIZE(answer_.ptr()) == 2;
  PyObject* offset = pair ? PyTuple_GET_ITEM(answer_.ptr(), 0) : nullptr;
  if (offset == nullptr || !PyLong_Check(offset)) throw WrongChoice({}, size);
  const Offset chosen{PyLong_AsUnsignedLongLong(offset)};
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw WrongChoice({}, size);
  }
  return chosen;
}

}  // namespace rheap::bindings
