#pragma once

#include <Python.h>

#include <cstdint>
#include <string_view>

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

/// How an array lies in memory. Strides are in bytes; nullptr for those of C order.
struct Layout {
  PyObject* dtype;
  Py_ssize_t count;  ///< of dimensions
  const Py_ssize_t* dimensions;
  const Py_ssize_t* strides = nullptr;
  bool writable = true;
};

/// An array in memory which `owner` keeps. Steals `owner`, also when it fails. nullptr with a
/// Python error.
PyObject* array_in(void* memory, PyObject* owner, const Layout& layout);

/// An array as it is, not one of a class derived from it.
struct Array {
  char* memory;
  PyObject* base;  ///< borrowed; may be null
  Layout layout;   ///< good for as long as the array is
};
/// False for whatever else there is, and before `use_interface`.
bool read_array(PyObject* object, Array& array);

/// A dtype that a short text describes, both ways.
struct Text {
  PyObject* dtype;
  std::uint64_t item_bytes;
  std::string_view text;
};
/// Remembers a dtype that stays the same object, as those of plain numbers do. `text` is a bytes.
/// Does nothing before `use_interface`.
void remember_text(PyObject* dtype, std::uint64_t item_bytes, PyObject* text);
/// nullptr when that is not remembered.
const Text* text_of(PyObject* dtype);
const Text* dtype_of(std::string_view text);

}  // namespace rheap::bindings::numpy
