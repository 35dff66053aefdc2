#pragma once

#include <Python.h>

#include "bindings/interpreter/quick_method.hpp"

/// What can be done with a Block: the tables of its type.
namespace rheap::bindings {

extern QuickMethodDef quick_block_methods[];
extern const int quick_block_method_count;
extern PyMethodDef block_methods[];
extern PyGetSetDef block_properties[];
extern PySequenceMethods block_sequence;
extern PyMappingMethods block_mapping;

}  // namespace rheap::bindings
