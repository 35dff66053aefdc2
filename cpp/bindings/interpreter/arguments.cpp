#include "bindings/interpreter/arguments.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

PyObject* sizes_module = nullptr;  // kept for good, as the exceptions are

}  // namespace

void register_sizes(py::module_& module) {
  module.def(
      "use_sizes", [](const py::object& sizes) { sizes_module = sizes.inc_ref().ptr(); },
      "Takes the functions that read sizes and shapes.");
}

bool parse_any_size(PyObject* value, const char* name, std::uint64_t& bytes) {
  PyObject* number = PyObject_CallMethod(sizes_module, "parse_size", "Os", value, name);
  if (number == nullptr) return false;
  bytes = PyLong_AsUnsignedLongLong(number);
  Py_DECREF(number);
  return PyErr_Occurred() == nullptr;
}

PyObject* view_bytes(PyObject* format, PyObject* shape) {
  return PyObject_CallMethod(sizes_module, "view_bytes", "OO", format, shape);
}

bool take_arguments(const char* function, PyObject* const* args, Py_ssize_t count, PyObject* names,
                    const char* const* known, Py_ssize_t all, Py_ssize_t positional,
                    PyObject** found) {
  if (count > positional) {
    PyErr_Format(PyExc_TypeError, "%s() takes at most %zd positional arguments, %zd were given",
                 function, positional, count);
    return false;
  }
  for (Py_ssize_t i = 0; i < count; ++i) found[i] = args[i];
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GET_ITEM(names, i);
    Py_ssize_t place = 0;
    while (place < all && PyUnicode_CompareWithASCIIString(name, known[place]) != 0) ++place;
    if (place == all || found[place] != nullptr) {
      PyErr_Format(
          PyExc_TypeError,
          place == all ? "%s() got an unexpected keyword argument %R" : "%s() got %R twice",
          function, name);
      return false;
    }
    found[place] = args[count + i];
  }
  return true;
}

}  // namespace rheap::bindings
