#pragma once

#include <pybind11/pybind11.h>

namespace rheap::bindings {

/// Records every allocation that the interpreter makes.
void register_interpreter_recorder(pybind11::module_& module);

}  // namespace rheap::bindings
