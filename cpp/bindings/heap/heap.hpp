#pragma once

#include <pybind11/pybind11.h>

namespace rheap::bindings {

void register_heap(pybind11::module_& module);

}  // namespace rheap::bindings
