#pragma once

#include <pybind11/pybind11.h>

#include "core/heap/heap.hpp"

namespace rheap::bindings {

/// The errors for objects that a method cannot work on.
inline constexpr const char* unmade = "its __init__() was not called";
inline constexpr const char* mixed = "a Heap cannot share its object with another compiled class";

/// The one place that looks inside a pybind11 object. The methods whose speed matters are called
/// past pybind11's dispatcher, so they must find the C++ object themselves; `register_heap` tries
/// this on a real Heap when the module is loaded and refuses to load if it does not find it.
///
/// nullptr with a Python error when `__init__` was not called. `self` is a Heap.
inline Heap* heap_of(PyObject* self) {
  const auto* instance = reinterpret_cast<const pybind11::detail::instance*>(self);
  if (!instance->simple_layout) {
    PyErr_SetString(PyExc_TypeError, mixed);
    return nullptr;
  }
  void* value = instance->simple_value_holder[0];
  if (value == nullptr) PyErr_SetString(PyExc_TypeError, unmade);
  return static_cast<Heap*>(value);
}

}  // namespace rheap::bindings
