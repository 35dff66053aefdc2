#pragma once

#include <Python.h>

#include <cstdint>

/// NumPy's own C interface, taken from its capsule when NumPy is there: neither its headers are
/// needed to build this module nor NumPy itself to import it.
namespace rheap::bindings::numpy {

/// Arrays of more dimensions are made by Python code.
inline constexpr Py_ssize_t most_dimensions = 8;

/// The functions below work from here on, if `capsule` holds an interface that is known here.
/// `array` and `dtype` are NumPy's classes, which must stand where they are expected in it.
/// Returns whether it is.
bool use_interface(PyObject* capsule, PyObject* array, PyObject* dtype);

/// A dtype, and the argument that stands for it.
struct Kind {
  PyObject* argument;
  PyObject* dtype;
  std::uint64_t item_bytes;  ///< of one item, not 0
};

/// Remembers what an argument stands for. It must do so for ever.
void remember_kind(const Kind& kind);
/// The dtype that this very object stands for, or nullptr when that is not remembered.
const Kind* kind_of(PyObject* argument);

/// An array in memory which `owner` keeps. Steals `owner`, also when it fails. nullptr with a
/// Python error.
PyObject* array_in(void* memory, PyObject* owner, PyObject* dtype, const Py_ssize_t* dimensions,
                   Py_ssize_t count);

}  // namespace rheap::bindings::numpy
