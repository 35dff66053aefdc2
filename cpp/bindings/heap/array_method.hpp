#pragma once

#include <pybind11/pybind11.h>

namespace rheap::bindings {

/// `Heap.array` and `Heap.zeros`, two of the methods whose speed matters.
extern PyMethodDef array_method;
extern PyMethodDef zeros_method;

void register_arrays(pybind11::module_& module);

}  // namespace rheap::bindings
