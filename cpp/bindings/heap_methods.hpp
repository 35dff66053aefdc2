#pragma once

#include <pybind11/pybind11.h>

namespace rheap::bindings {

/// Puts the methods that people pay for on a class, Heap or derived from it, as plain method
/// descriptors. A descriptor of the object's very own class is called without a look at its bases.
void add_heap_methods(const pybind11::object& heap_class);

}  // namespace rheap::bindings
