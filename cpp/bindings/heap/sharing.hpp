#pragma once

#include <pybind11/pybind11.h>

namespace rheap::bindings {

/// What only the heaps can do that several processes share.
void register_sharing(pybind11::module_& module);

}  // namespace rheap::bindings
