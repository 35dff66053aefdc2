#pragma once

#include <pybind11/pybind11.h>

namespace rheap::bindings {

// No function of the module names its arguments: when one is called with a keyword and there is no
// memory, pybind11 (3.1, `keyword_index`) compares it with a name that it could not make.

/// Makes every pybind11 class of the module safe against what Python code can do to a class:
/// objects without `__init__`, copies, derived classes, and no memory for a new object. To be
/// called when all of them are registered.
void guard_classes(pybind11::module_& module);

}  // namespace rheap::bindings
