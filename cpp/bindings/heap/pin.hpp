#pragma once

#include "bindings/heap/block.hpp"

namespace rheap::bindings {

/// What every view of a block holds (`view.obj`). To count open exports would not do: some
/// consumers close the export and keep the address, but those keep a reference to this object.
/// The block stays where it is as long as a Pin of it lives.
struct PinObject {
  PyObject_HEAD BlockObject* block;
};

extern PyTypeObject PinType;

void register_pin(pybind11::module_& module);

/// A new Pin of a block that can be used, or nullptr with a Python error.
PyObject* pin_of(BlockObject* block);
/// A memoryview of all its bytes, which does not expose it. nullptr with a Python error.
PyObject* view_of(BlockObject* block);

/// The buffer slots of Block. A request exposes the block.
int get_block_buffer(PyObject* self, Py_buffer* view, int flags);
void release_buffer(PyObject* self, Py_buffer* view);

}  // namespace rheap::bindings
