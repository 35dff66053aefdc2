#pragma once

#include <Python.h>

/// What can be done with a Block: the tables of its type.
namespace rheap::bindings {

extern PyMethodDef block_methods[];
extern PyGetSetDef block_properties[];
extern PySequenceMethods block_sequence;
extern PyMappingMethods block_mapping;

}  // namespace rheap::bindings
