#pragma once

#include <pybind11/pybind11.h>

#include "bindings/interpreter/quick_method.hpp"

/// What can be done with a Block: the tables of its type.
namespace rheap::bindings {

void register_block_html(pybind11::module_& module);

extern QuickMethodDef quick_block_methods[];
extern const int quick_block_method_count;
extern PyMethodDef block_methods[];
extern PyGetSetDef block_properties[];
extern PySequenceMethods block_sequence;
extern PyMappingMethods block_mapping;

}  // namespace rheap::bindings
