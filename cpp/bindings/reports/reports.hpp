#pragma once

#include <pybind11/pybind11.h>

namespace rheap::bindings {

/// What a heap says of itself, as functions of the module: the package makes reports of it.
void register_reports(pybind11::module_& module);

}  // namespace rheap::bindings
