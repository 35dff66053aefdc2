#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>

/// Arguments from Python: sizes, and the names of fast calls.
namespace rheap::bindings {

void register_sizes(pybind11::module_& module);

/// Calls the package's own `parse_size(value, name)`, which reads strings and raises errors that
/// name the argument. Returns false with a Python error.
bool parse_any_size(PyObject* value, const char* name, std::uint64_t& bytes);

/// Reads a small int that is not negative, as nearly all are. Returns false, and sets no error, for
/// anything else.
inline bool parse_small(PyObject* value, std::uint64_t& read) {
  if (!PyLong_CheckExact(value)) return false;
  const auto* number = reinterpret_cast<PyLongObject*>(value);
#if PY_VERSION_HEX >= 0x030C0000
  const bool small = PyUnstable_Long_IsCompact(number) != 0;
  const Py_ssize_t direct = small ? PyUnstable_Long_CompactValue(number) : -1;
#else
  const Py_ssize_t digits = Py_SIZE(value);
  const bool small = digits == 0 || digits == 1;  // a negative number has a negative count
  const Py_ssize_t direct = small ? digits * static_cast<Py_ssize_t>(number->ob_digit[0]) : -1;
#endif
  if (direct < 0) return false;
  read = static_cast<std::uint64_t>(direct);
  return true;
}

/// A small int is read directly, anything else by `parse_any_size`.
inline bool parse_size(PyObject* value, const char* name, std::uint64_t& bytes) {
  return parse_small(value, bytes) || parse_any_size(value, name, bytes);
}

/// The bytes that a shape of items of a struct format takes, by the package. A new reference.
PyObject* view_bytes(PyObject* format, PyObject* shape);

/// Sorts the arguments of a METH_FASTCALL | METH_KEYWORDS call into `found` by `known` names, the
/// first `positional` of which may come without one. Returns false with a Python error.
bool take_arguments(const char* function, PyObject* const* args, Py_ssize_t count, PyObject* names,
                    const char* const* known, Py_ssize_t all, Py_ssize_t positional,
                    PyObject** found);

}  // namespace rheap::bindings
