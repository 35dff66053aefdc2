#pragma once

#include <Python.h>

namespace rheap::bindings {

/// A method that is cheap to bind and knows how many of the references to `self` are its call's
/// own. Each `with` binds two; the bound methods of Python are new objects that the garbage
/// collector has to know, and cost more than the block. Ours come from an object pool, and since a
/// Block refers to no object that could refer to it, no collector needs to know them.
///
/// Its plain form, an ordinary descriptor, supplies the name and docstring. When called, the plain
/// form cannot tell which references are the call's, so it counts none as its own.
struct QuickMethodDef {
  using Function = PyObject* (*)(PyObject* self, PyObject* const* arguments, Py_ssize_t own);

  Function function;
  Py_ssize_t arguments;  ///< besides `self`; it takes just so many
  PyMethodDef plain;
};

/// Returns false with a Python error unless `given` is as many as the method takes.
bool takes(const char* name, Py_ssize_t arguments, Py_ssize_t given);

template <QuickMethodDef::Function function, Py_ssize_t arguments>
QuickMethodDef quick_method(const char* name, const char* words) {
  using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
  static const char* const known = name;
  const Fast plain = [](PyObject* self, PyObject* const* given, Py_ssize_t count) -> PyObject* {
    return takes(known, arguments, count) ? function(self, given, 0) : nullptr;
  };
  return {function,
          arguments,
          {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(plain)), METH_FASTCALL,
           words}};
}

/// Puts the methods on a type that is ready and final. Returns false with a Python error.
bool add_quick_methods(PyTypeObject* type, QuickMethodDef* methods, int count);

}  // namespace rheap::bindings
