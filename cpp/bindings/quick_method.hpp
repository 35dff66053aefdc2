#pragma once

#include <Python.h>

namespace rheap::bindings {

/// Makes the bound methods of these names cheap. Each `with` binds two of them; those of Python are
/// new objects that the garbage collector has to know, and cost more than the block. Ours come from
/// a free list, and since a Block refers to no object that could refer to it, no collector needs to
/// know them. What can be asked about the method (its name, its words) its plain form answers.
///
/// `type` is ready and final; the methods take nothing, or METH_FASTCALL. Returns false with a
/// Python error.
bool quicken(PyTypeObject* type, const char* const* names, int count);

}  // namespace rheap::bindings
