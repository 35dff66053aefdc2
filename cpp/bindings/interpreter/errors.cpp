#include "bindings/interpreter/errors.hpp"

#include "core/shared/segment.hpp"
#include "core/system/refused.hpp"
#include "trace/parse.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

/// The classes that the package handed down. Kept for good: a Block may be dropped, and damage be
/// found, when the interpreter has torn down every module.
py::dict& error_classes() {
  static auto* classes = new py::dict();
  return *classes;
}

/// A borrowed reference, or nullptr.
PyObject* class_named(const char* name) {
  PyObject* key = PyUnicode_FromString(name);
  PyObject* type = key != nullptr ? PyDict_GetItemWithError(error_classes().ptr(), key) : nullptr;
  Py_XDECREF(key);
  return type;
}

void set_error(const char* name, PyObject* arguments) {
  if (arguments == nullptr) return;
  PyObject* type = class_named(name);
  PyObject* error = type != nullptr ? PyObject_CallObject(type, arguments) : nullptr;
  if (error != nullptr) {
    PyErr_SetObject(type, error);
  } else if (PyErr_Occurred() == nullptr) {
    PyErr_SetString(PyExc_SystemError, "rheap._core works only as a part of rheap");
  }
  Py_XDECREF(error);
  Py_DECREF(arguments);
}

using Number = unsigned long long;

/// When Python has no memory for an object it sets MemoryError, and pybind11 throws another error.
bool out_of_memory() {
  return PyErr_Occurred() != nullptr && PyErr_ExceptionMatches(PyExc_MemoryError) != 0;
}

}  // namespace

void register_errors(py::module_& module) {
  module.def(
      "use_errors", [](const py::dict& classes) { error_classes() = classes; },
      "Takes the classes of the exceptions to raise, by name.");
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Exhausted&) {
      set_python_error();
    } catch (const Damage&) {
      set_python_error();
    } catch (const Closed&) {
      set_python_error();
    } catch (const SharingError&) {
      set_python_error();
    } catch (const SystemRefused&) {
      set_python_error();
    } catch (const trace::Malformed&) {
      set_python_error();
    } catch (const std::exception&) {
      if (!out_of_memory()) throw;
    }
  });
}

void set_python_error(const char* verb) {
  try {
    throw;
  } catch (const Exhausted& e) {
    set_exhausted(e, py::tuple().ptr(), Py_None);
  } catch (const Damage& e) {
    set_error("HeapCorruption", Py_BuildValue("KsO", Number{e.where.value}, e.invariant,
                                              e.fenced ? Py_True : Py_False));
  } catch (const Closed&) {
    set_closed(verb);
  } catch (const Busy& e) {
    set_error("HeapBusy", Py_BuildValue("(k)", static_cast<unsigned long>(e.pid)));
  } catch (const Gone&) {
    set_error("BlockGone", PyTuple_New(0));
  } catch (const HeldByOthers& e) {
    set_error("BlockShared", Py_BuildValue("(K)", Number{e.where.value}));
  } catch (const Mismatch& e) {
    set_error("HeapMismatch", Py_BuildValue("(s)", e.what()));
  } catch (const SystemRefused& e) {
    PyObject* arguments = Py_BuildValue("is", e.code, e.what());
    if (arguments != nullptr) PyErr_SetObject(PyExc_OSError, arguments);
    Py_XDECREF(arguments);
  } catch (const trace::Malformed& e) {
    set_error("TraceError", Py_BuildValue("sKs", e.source.c_str(), Number{e.line}, e.what()));
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    if (!out_of_memory()) PyErr_SetString(PyExc_RuntimeError, e.what());
  }
}

void set_exhausted(const Exhausted& exhausted, PyObject* holders, PyObject* walls) {
  set_error("HeapExhausted",
            Py_BuildValue("KKKKOKzO", Number{exhausted.requested}, Number{exhausted.free},
                          Number{exhausted.largest}, Number{exhausted.capacity}, holders,
                          Number{exhausted.overhead}, exhausted.records, walls));
}

void set_freed(const char* verb, const std::string& allocated, const std::string& freed) {
  const auto known = [](const std::string& line) { return line.empty() ? nullptr : line.c_str(); };
  set_error("BlockFreed", Py_BuildValue("szz", verb, known(allocated), known(freed)));
}

void set_closed(const char* verb) { set_error("HeapClosed", Py_BuildValue("(s)", verb)); }

void set_pinned(const char* verb, std::uint64_t offset, unsigned holders) {
  set_error("BlockPinned", Py_BuildValue("sKI", verb, Number{offset}, holders));
}

void set_foreign(std::uint64_t offset) {
  set_error("ForeignBlock", Py_BuildValue("(K)", Number{offset}));
}

void set_wrong_choice(const std::string& source, std::uint64_t line, std::uint64_t operation,
                      std::uint64_t size, PyObject* answer) {
  set_error("WrongChoice", Py_BuildValue("sKKKO", source.c_str(), Number{line}, Number{operation},
                                         Number{size}, answer));
}

bool warn_lingering(const std::string& text, PyObject* source) {
  PyObject* type = class_named("LingeringWarning");
  // PyErr_WarnEx takes no source.
  PyObject* warnings = type != nullptr ? PyImport_ImportModule("warnings") : nullptr;
  if (warnings == nullptr) return false;
  constexpr int innermost = 1;
  PyObject* done =
      PyObject_CallMethod(warnings, "warn", "sOiO", text.c_str(), type, innermost, source);
  Py_DECREF(warnings);
  Py_XDECREF(done);
  return done != nullptr;
}

}  // namespace rheap::bindings
