#include "quick_method.hpp"

#include <cstddef>

#include "freelist.hpp"

namespace rheap::bindings {

namespace {

/// In the type's dictionary: stands for a plain method descriptor.
struct QuickMethod {
  PyObject_HEAD PyObject* plain;
};

struct BoundMethod {
  PyObject_HEAD vectorcallfunc call;
  PyObject* self;
  PyObject* method;  // borrowed: the type of `self` has it
};

FreeList<BoundMethod, 64> dead_methods;
extern PyTypeObject BoundMethodType;

PyObject* plain_of(PyObject* method) { return reinterpret_cast<QuickMethod*>(method)->plain; }
PyMethodDef* definition_of(PyObject* method) {
  return reinterpret_cast<PyMethodDescrObject*>(plain_of(method))->d_method;
}

PyObject* call_bound(PyObject* callable, PyObject* const* args, std::size_t flagged_count,
                     PyObject* names) {
  const auto* bound = reinterpret_cast<BoundMethod*>(callable);
  const PyMethodDef* definition = definition_of(bound->method);
  const Py_ssize_t count = PyVectorcall_NARGS(flagged_count);
  const bool fast = (definition->ml_flags & METH_FASTCALL) != 0;
  if (names != nullptr || (!fast && count > 0)) {
    return PyErr_Format(PyExc_TypeError, "%s() takes no %s arguments", definition->ml_name,
                        names != nullptr ? "keyword" : "further");
  }
  if (!fast) return definition->ml_meth(bound->self, nullptr);
  using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
  return reinterpret_cast<Fast>(reinterpret_cast<void (*)()>(definition->ml_meth))(bound->self,
                                                                                   args, count);
}

PyObject* bind(PyObject* method, PyObject* self, PyObject*) {
  if (self == nullptr) return Py_NewRef(method);
  if (!PyObject_TypeCheck(self, PyDescr_TYPE(plain_of(method)))) {
    return PyErr_Format(PyExc_TypeError, "%s() is no method of '%.100s' objects",
                        definition_of(method)->ml_name, Py_TYPE(self)->tp_name);
  }
  BoundMethod* bound = dead_methods.make(&BoundMethodType);
  if (bound == nullptr) return nullptr;
  bound->call = call_bound;
  bound->self = Py_NewRef(self);
  bound->method = method;
  return reinterpret_cast<PyObject*>(bound);
}

void drop_bound(PyObject* object) {
  auto* bound = reinterpret_cast<BoundMethod*>(object);
  PyObject* self = bound->self;
  dead_methods.keep(bound);
  Py_DECREF(self);  // last: it may free the block, and that may run Python code
}

PyObject* attribute_of_bound(PyObject* object, PyObject* name) {
  const auto* bound = reinterpret_cast<BoundMethod*>(object);
  if (PyUnicode_CompareWithASCIIString(name, "__self__") == 0) return Py_NewRef(bound->self);
  return PyObject_GetAttr(plain_of(bound->method), name);
}

PyObject* attribute_of_method(PyObject* method, PyObject* name) {
  return PyObject_GetAttr(plain_of(method), name);
}

PyObject* call_method(PyObject* method, PyObject* args, PyObject* names) {
  return PyObject_Call(plain_of(method), args, names);
}

PyObject* show(PyObject* method) { return PyObject_Repr(plain_of(method)); }

void drop_method(PyObject* method) {
  Py_DECREF(plain_of(method));
  PyObject_Free(method);
}

PyTypeObject make_type(const char* name, Py_ssize_t size) {
  PyTypeObject type = {PyVarObject_HEAD_INIT(nullptr, 0)};
  type.tp_name = name;
  type.tp_basicsize = size;
  type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
  return type;
}

PyTypeObject make_bound_type() {
  PyTypeObject type = make_type("rheap._core.BoundMethod", sizeof(BoundMethod));
  type.tp_dealloc = drop_bound;
  type.tp_vectorcall_offset = offsetof(BoundMethod, call);
  type.tp_call = PyVectorcall_Call;
  type.tp_getattro = attribute_of_bound;
  type.tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
  return type;
}

PyTypeObject make_method_type() {
  PyTypeObject type = make_type("rheap._core.QuickMethod", sizeof(QuickMethod));
  type.tp_dealloc = drop_method;
  type.tp_descr_get = bind;
  type.tp_call = call_method;
  type.tp_getattro = attribute_of_method;
  type.tp_repr = show;
  return type;
}

PyTypeObject BoundMethodType = make_bound_type();
PyTypeObject QuickMethodType = make_method_type();

}  // namespace

bool quicken(PyTypeObject* type, const char* const* names, int count) {
  if (PyType_Ready(&BoundMethodType) < 0 || PyType_Ready(&QuickMethodType) < 0) return false;
  for (int each = 0; each < count; ++each) {
    PyObject* plain = PyDict_GetItemString(type->tp_dict, names[each]);
    auto* method = plain == nullptr ? nullptr : PyObject_New(QuickMethod, &QuickMethodType);
    if (method == nullptr) return false;
    method->plain = Py_NewRef(plain);
    const int done =
        PyDict_SetItemString(type->tp_dict, names[each], reinterpret_cast<PyObject*>(method));
    Py_DECREF(method);
    if (done < 0) return false;
  }
  PyType_Modified(type);
  return true;
}

}  // namespace rheap::bindings
