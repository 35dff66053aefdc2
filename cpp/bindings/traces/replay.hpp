#pragma once

#include <pybind11/pybind11.h>

/// Traces and what plays them.
namespace rheap::bindings {

void register_traces(pybind11::module_& module);
void register_replay(pybind11::module_& module);

}  // namespace rheap::bindings
