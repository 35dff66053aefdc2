#pragma once

#include <Python.h>

namespace rheap::bindings {

/// Where a function stands. The code is the function's, and null where nothing is known.
struct Instruction {
  PyCodeObject* code = nullptr;
  int offset = 0;  ///< bytes
};

/// Where the innermost function outside this package stands, in whatever state the thread is: it
/// may have no GIL (then nothing is known), or be about to end. Only reads what is there, so an
/// allocator may ask.
Instruction caller();

/// Whether these are the globals of one of this package's modules that people import. Allocates
/// nothing.
bool in_package(PyObject* globals);

}  // namespace rheap::bindings
