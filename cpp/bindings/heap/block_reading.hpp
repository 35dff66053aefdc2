#pragma once

#include "bindings/heap/block.hpp"

/// How the bytes of a Block are read. Nothing here exposes the block.
namespace rheap::bindings {

inline BlockObject* as_block(PyObject* self) { return reinterpret_cast<BlockObject*>(self); }
inline char* bytes_of(const BlockObject* block) { return static_cast<char*>(address_of(block)); }
inline Py_ssize_t length_of(const BlockObject* block) {
  return static_cast<Py_ssize_t>(block->handle.bytes);
}

/// Sets an IndexError and returns false unless the block, which can be used, has that byte.
bool in_range(const BlockObject* block, Py_ssize_t index);
/// Reads an int from 0 to 255. Returns false with a Python error for anything else.
bool parse_byte(PyObject* value, int& byte);
/// A buffer of any object, which is not kept. Returns false with a Python error.
bool look_at(PyObject* object, Py_buffer& buffer, int flags);

// Slots and methods of Block.
PyObject* view_block(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names);
Py_ssize_t length_of_block(PyObject* self);
PyObject* item_of_block(PyObject* self, Py_ssize_t index);
PyObject* read_block(PyObject* self, PyObject* key);
PyObject* copy_block(PyObject* self, PyObject*);
PyObject* hex_of_block(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names);
int block_contains(PyObject* self, PyObject* sought);
PyObject* compare_block(PyObject* self, PyObject* other, int operation);

}  // namespace rheap::bindings
