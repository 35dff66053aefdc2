#pragma once

#include <pybind11/pybind11.h>

namespace rheap::bindings {

// No function of the module names its arguments: when one is called with a keyword and there is no
// memory, pybind11 (3.1, `keyword_index`) compares it with a name that it could not make.

/// The class of the classes that people see. Their `__mro__`, from which `help()` and `inspect`
/// read what a class is made of, leaves out the class that pybind11 puts beneath all of its own.
pybind11::object public_metaclass();

/// Makes every pybind11 class of the module safe against what Python code can do to a class:
/// objects without `__init__`, copies, derived classes, and no memory for a new object. To be
/// called when all of them are registered.
void guard_classes(pybind11::module_& module);

}  // namespace rheap::bindings
