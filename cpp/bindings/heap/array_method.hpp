#pragma once

#include <pybind11/pybind11.h>

namespace rheap::bindings {

/// `Heap.array`, one of the methods whose speed matters.
extern PyMethodDef array_method;

void register_arrays(pybind11::module_& module);

}  // namespace rheap::bindings
