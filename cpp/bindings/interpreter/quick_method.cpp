#include "bindings/interpreter/quick_method.hpp"

#include <cstddef>

#include "bindings/interpreter/exposure.hpp"
#include "bindings/interpreter/object_pool.hpp"
#include "bindings/interpreter/static_type.hpp"

namespace rheap::bindings {

namespace {

/// In the type's dictionary.
struct QuickMethod {
  PyObject_HEAD vectorcallfunc call;
  QuickMethodDef::Function function;
  Py_ssize_t arguments;
  const PyTypeObject* type;  ///< which has it, and which is final
  const QuickMethodDef* definition;
  PyObject* plain;
};

struct BoundMethod {
  PyObject_HEAD vectorcallfunc call;
  PyObject* self;
  QuickMethod* method;  // borrowed: the type of `self` has it
};

ObjectPool<BoundMethod, 64> dead_methods;
extern PyTypeObject BoundMethodType;

QuickMethod* as_method(PyObject* object) { return reinterpret_cast<QuickMethod*>(object); }
const BoundMethod* as_bound(PyObject* object) { return reinterpret_cast<BoundMethod*>(object); }
const char* name_of(const QuickMethod* method) { return method->definition->plain.ml_name; }

bool takes_call(const QuickMethod* method, Py_ssize_t given, PyObject* names) {
  if (names == nullptr || PyTuple_GET_SIZE(names) == 0) {
    return takes(name_of(method), method->arguments, given);
  }
  PyErr_Format(PyExc_TypeError, "%s() takes no keyword arguments", name_of(method));
  return false;
}

[[gnu::noinline]] PyObject* call_oddly(const BoundMethod* bound, PyObject* const* args,
                                       Py_ssize_t count, PyObject* names) {
  const QuickMethod* method = bound->method;
  return takes_call(method, count, names) ? method->function(bound->self, args, 1) : nullptr;
}

/// `block.free()`: one reference is the bound method's.
PyObject* call_bound(PyObject* callable, PyObject* const* args, std::size_t flagged_count,
                     PyObject* names) {
  const BoundMethod* bound = as_bound(callable);
  const QuickMethod* method = bound->method;
  const Py_ssize_t count = PyVectorcall_NARGS(flagged_count);
  if (names != nullptr || count != method->arguments) [[unlikely]]
    return call_oddly(bound, args, count, names);
  return method->function(bound->self, args, 1);
}

bool is_self(const QuickMethod* method, PyObject* object) {
  if (Py_TYPE(object) == method->type) [[likely]]
    return true;
  PyErr_Format(PyExc_TypeError, "%s() is no method of '%.100s' objects", name_of(method),
               Py_TYPE(object)->tp_name);
  return false;
}

/// `Block.free(block)`: called from Python code, the arguments lie on the stack and one reference
/// is the call's own. Called with a tuple, somebody may keep that tuple.
PyObject* call_unbound(PyObject* callable, PyObject* const* args, std::size_t flagged_count,
                       PyObject* names) {
  const QuickMethod* method = as_method(callable);
  const Py_ssize_t count = PyVectorcall_NARGS(flagged_count);
  if (count == 0) {
    return PyErr_Format(PyExc_TypeError, "%s() needs an object to work on", name_of(method));
  }
  if (!is_self(method, args[0]) || !takes_call(method, count - 1, names)) return nullptr;
  return method->function(args[0], args + 1, exposure::references_of_call(args, count));
}

PyObject* bind(PyObject* object, PyObject* self, PyObject*) {
  if (self == nullptr) return Py_NewRef(object);
  QuickMethod* method = as_method(object);
  if (!is_self(method, self)) return nullptr;
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
  const BoundMethod* bound = as_bound(object);
  if (PyUnicode_CompareWithASCIIString(name, "__self__") == 0) return Py_NewRef(bound->self);
  return PyObject_GetAttr(bound->method->plain, name);
}

PyObject* attribute_of_method(PyObject* method, PyObject* name) {
  return PyObject_GetAttr(as_method(method)->plain, name);
}

PyObject* show(PyObject* method) { return PyObject_Repr(as_method(method)->plain); }

void drop_method(PyObject* method) {
  Py_XDECREF(as_method(method)->plain);
  PyObject_Free(method);
}

PyTypeObject make_type(const char* name, Py_ssize_t size) {
  PyTypeObject type = static_type(name, size);
  type.tp_call = PyVectorcall_Call;
  type.tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
  return type;
}

PyTypeObject make_bound_type() {
  PyTypeObject type = make_type("rheap._core.BoundMethod", sizeof(BoundMethod));
  type.tp_dealloc = drop_bound;
  type.tp_vectorcall_offset = offsetof(BoundMethod, call);
  type.tp_getattro = attribute_of_bound;
  return type;
}

PyTypeObject make_method_type() {
  PyTypeObject type = make_type("rheap._core.QuickMethod", sizeof(QuickMethod));
  type.tp_dealloc = drop_method;
  type.tp_descr_get = bind;
  type.tp_vectorcall_offset = offsetof(QuickMethod, call);
  type.tp_getattro = attribute_of_method;
  type.tp_repr = show;
  return type;
}

PyTypeObject BoundMethodType = make_bound_type();
PyTypeObject QuickMethodType = make_method_type();

}  // namespace

bool takes(const char* name, Py_ssize_t arguments, Py_ssize_t given) {
  if (given == arguments) return true;
  PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments, not %zd", name, arguments, given);
  return false;
}

bool add_quick_methods(PyTypeObject* type, QuickMethodDef* methods, int count) {
  if (PyType_Ready(&BoundMethodType) < 0 || PyType_Ready(&QuickMethodType) < 0) return false;
  for (QuickMethodDef* each = methods; each < methods + count; ++each) {
    auto* method = PyObject_New(QuickMethod, &QuickMethodType);
    if (method == nullptr) return false;
    method->call = call_unbound;
    method->function = each->function;
    method->arguments = each->arguments;
    method->type = type;
    method->definition = each;
    method->plain = PyDescr_NewMethod(type, &each->plain);
    const bool done =
        method->plain != nullptr && PyDict_SetItemString(type->tp_dict, each->plain.ml_name,
                                                         reinterpret_cast<PyObject*>(method)) == 0;
    Py_DECREF(method);
    if (!done) return false;
  }
  PyType_Modified(type);
  return true;
}

}  // namespace rheap::bindings
