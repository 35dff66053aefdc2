// Everything that a consumer of buffers may keep of a Block, in one type. Whatever it keeps, it
// keeps the bare address as well and looks through that, as NumPy does with `buffer=block`.

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum Keep { nothing, the_export, the_object, the_memoryview, the_block, most_keeps };
constexpr const char* keeps[] = {"nothing", "export", "view.obj", "memoryview", "block"};

struct Consumer {
  PyObject_HEAD Py_buffer view;  // open while `exported`
  bool exported;
  PyObject* kept;
  const unsigned char* address;
  Py_ssize_t bytes;
};

PyTypeObject* consumer_type = nullptr;

bool intact(const Consumer* consumer) {
  for (Py_ssize_t i = 0; i < consumer->bytes; ++i) {
    if (consumer->address[i] != static_cast<unsigned char>(i)) return false;
  }
  return true;
}

void drop(PyObject* self) {
  auto* consumer = reinterpret_cast<Consumer*>(self);
  const bool keeps_it = consumer->exported || consumer->kept != nullptr;
  if (keeps_it && !intact(consumer)) {  // here it counts also while the interpreter exits
    std::fputs("a consumer's memory was freed under it\n", stderr);
    std::abort();
  }
  if (consumer->exported) PyBuffer_Release(&consumer->view);
  Py_XDECREF(consumer->kept);
  PyObject_Free(self);
  Py_DECREF(consumer_type);
}

PyObject* is_intact(PyObject* self, PyObject*) {
  return PyBool_FromLong(intact(reinterpret_cast<Consumer*>(self)));
}

PyMethodDef methods[] = {
    {"intact", is_intact, METH_NOARGS, "Whether its bytes are 0, 1, 2, ... as they were taken."},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(drop)}, {Py_tp_methods, methods}, {0, nullptr}};
PyType_Spec spec = {"consumer.Consumer", sizeof(Consumer), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

/// take(exporter, flags, keep): asks for a buffer in this way and keeps this of it.
PyObject* take(PyObject*, PyObject* args) {
  PyObject* exporter = nullptr;
  int flags = 0;
  const char* name = nullptr;
  if (!PyArg_ParseTuple(args, "Ois", &exporter, &flags, &name)) return nullptr;
  int keep = 0;
  while (keep < most_keeps && std::strcmp(keeps[keep], name) != 0) ++keep;
  if (keep == most_keeps) return PyErr_Format(PyExc_ValueError, "keep what? %s", name);
  auto* consumer = PyObject_New(Consumer, consumer_type);
  if (consumer == nullptr) return nullptr;
  consumer->exported = false;
  consumer->kept = nullptr;
  consumer->bytes = 0;
  if (PyObject_GetBuffer(exporter, &consumer->view, flags) < 0) {
    Py_DECREF(consumer);
    return nullptr;
  }
  consumer->address = static_cast<const unsigned char*>(consumer->view.buf);
  consumer->bytes = consumer->view.len;
  if (keep == the_object) consumer->kept = Py_NewRef(consumer->view.obj);
  if (keep == the_memoryview) consumer->kept = PyMemoryView_FromObject(exporter);
  if (keep == the_block) consumer->kept = Py_NewRef(exporter);
  consumer->exported = keep == the_export;
  if (!consumer->exported) PyBuffer_Release(&consumer->view);
  return reinterpret_cast<PyObject*>(consumer);
}

PyMethodDef functions[] = {
    {"take", take, METH_VARARGS, "take(exporter, flags, keep) -> Consumer"},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "consumer", nullptr, -1, functions, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit_consumer() {
  consumer_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  return consumer_type == nullptr ? nullptr : PyModule_Create(&module);
}
