#pragma once

#include <Python.h>

namespace rheap::bindings {

/// A type of which nothing is set yet. (`{PyVarObject_HEAD_INIT(nullptr, 0)}` alone leaves out
/// all other members by name, and compilers warn of each.)
inline PyTypeObject static_type() {
  const PyVarObject head[] = {PyVarObject_HEAD_INIT(nullptr, 0)};
  PyTypeObject type{};
  type.ob_base = head[0];
  return type;
}

}  // namespace rheap::bindings
