#include "bindings/heap/classes.hpp"

#include "bindings/heap/self.hpp"
#include "core/heap/heap.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

/// pybind11 makes the C++ part of an object in `__init__`. Where that was not called, it asks the
/// class for memory when the first method is, and would give the method what happens to be in it.
void* refuse_unmade(std::size_t) { throw py::type_error(unmade); }

/// For objects that C++ makes: pybind11 does not ask whether there was memory.
PyObject* allocate(PyTypeObject* type, Py_ssize_t items) {
  PyObject* object = PyType_GenericAlloc(type, items);
  if (object == nullptr) throw py::error_already_set();
  return object;
}

/// Makes pybind11 learn what the class is made of. Returns false with a Python error.
bool known(PyTypeObject* type) {
  try {
    if (py::detail::all_type_info(type).size() == 1) return true;
    PyErr_SetString(PyExc_TypeError, mixed);
  } catch (const std::exception&) {
    // pybind11 registers the class before it registers the callback that removes it.
    py::detail::with_internals([&](auto& internals) { internals.registered_types_py.erase(type); });
    PyErr_NoMemory();
  }
  return false;
}

/// `__new__` of every class, for objects that Python makes. pybind11's own lets C++ exceptions out
/// into the interpreter, and does not ask whether there was memory, either.
PyObject* new_object(PyObject* owner, PyObject* arguments, PyObject*) {
  PyObject* first = PyTuple_GET_SIZE(arguments) > 0 ? PyTuple_GET_ITEM(arguments, 0) : nullptr;
  auto* type = reinterpret_cast<PyTypeObject*>(first);
  if (first == nullptr || !PyType_Check(first) ||
      !PyType_IsSubtype(type, reinterpret_cast<PyTypeObject*>(owner))) {
    return PyErr_Format(PyExc_TypeError, "__new__() takes a class: %R, or one derived from it",
                        owner);
  }
  if (!known(type)) return nullptr;
  PyObject* object = PyType_GenericAlloc(type, 0);
  // This takes no memory where there is one C++ object with a holder no larger than a pointer.
  if (object != nullptr) reinterpret_cast<py::detail::instance*>(object)->allocate_layout();
  return object;
}

PyObject* refuse_copying(PyObject* self, PyObject*) {
  return PyErr_Format(PyExc_TypeError, "a %.100s cannot be copied or pickled",
                      Py_TYPE(self)->tp_name);
}

PyMethodDef make_method = {"__new__",
                           reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(new_object)),
                           METH_VARARGS | METH_KEYWORDS, nullptr};
PyMethodDef copy_method = {"__reduce__", refuse_copying, METH_NOARGS,
                           "Raises TypeError: the object is of this process."};

void add(PyTypeObject* type, const char* name, PyObject* function) {
  const auto owned = py::reinterpret_steal<py::object>(function);
  if (!owned) throw py::error_already_set();
  py::setattr(reinterpret_cast<PyObject*>(type), name, owned);
}

void guard(PyTypeObject* type, bool may_be_derived_from) {
  py::detail::type_info* info = py::detail::get_type_info(type);
  if (info->holder_size_in_ptrs > py::detail::instance_simple_holder_in_ptrs()) {
    throw py::import_error(std::string(type->tp_name) + " has a holder larger than a pointer");
  }
  info->operator_new = refuse_unmade;
  add(type, "__new__", PyCFunction_New(&make_method, reinterpret_cast<PyObject*>(type)));
  add(type, "__reduce__", PyDescr_NewMethod(type, &copy_method));
  type->tp_alloc = allocate;
  if (!may_be_derived_from) type->tp_flags &= ~Py_TPFLAGS_BASETYPE;
  type->tp_flags |= Py_TPFLAGS_IMMUTABLETYPE;  // nor can an object be given another class
  PyType_Modified(type);
}

PyObject* public_bases(PyObject* self, void*) {
  if (reinterpret_cast<PyTypeObject*>(self)->tp_mro == nullptr) Py_RETURN_NONE;  // it is being made
  const py::handle hidden = py::detail::get_internals().instance_base;
  try {
    py::list bases;
    for (const py::handle base :
         py::reinterpret_borrow<py::tuple>(reinterpret_cast<PyTypeObject*>(self)->tp_mro)) {
      if (!base.is(hidden)) bases.append(base);
    }
    return py::tuple(bases).release().ptr();
  } catch (const std::exception&) {
    return PyErr_NoMemory();
  }
}

PyGetSetDef metaclass_properties[] = {
    {"__mro__", public_bases, nullptr, "The class and those that it derives from.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

py::object public_metaclass() {
  PyType_Slot slots[] = {{Py_tp_getset, metaclass_properties}, {0, nullptr}};
  PyType_Spec spec{"rheap._core.HeapClass", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  const py::handle base(reinterpret_cast<PyObject*>(py::detail::get_internals().default_metaclass));
  auto made = py::reinterpret_steal<py::object>(
      PyType_FromSpecWithBases(&spec, py::make_tuple(base).ptr()));
  if (!made) throw py::error_already_set();
  return made;
}

void guard_classes(py::module_& module) {
  PyTypeObject* const metaclass = py::detail::get_internals().default_metaclass;
  for (const auto& [name, value] : module.attr("__dict__").cast<py::dict>()) {
    if (PyObject_TypeCheck(value.ptr(), metaclass) == 0) continue;
    guard(reinterpret_cast<PyTypeObject*>(value.ptr()), value.is(py::type::of<Heap>()));
  }
}

}  // namespace rheap::bindings
