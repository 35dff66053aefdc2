#pragma once

#include <Python.h>

namespace rheap::bindings {

/// The start of a type whose objects Python code does not make.
inline PyTypeObject static_type(const char* name, Py_ssize_t bytes) {
  constexpr PyVarObject heads[] = {PyVarObject_HEAD_INIT(nullptr, 0)};
  PyTypeObject type{};
  type.ob_base = heads[0];
  type.tp_name = name;
  type.tp_basicsize = bytes;
  type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
  return type;
}

}  // namespace rheap::bindings
