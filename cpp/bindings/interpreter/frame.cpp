#include "bindings/interpreter/frame.hpp"

namespace rheap::bindings {

bool frames_fit = false;

#if RHEAP_READS_FRAMES

namespace {

/// Called by `def probe(variable): check(variable)`, of which it knows all that is compared.
bool is_as_python_says(PyObject* variable, const Frame* frame) {
  PyFrameObject* const told = PyThreadState_GetFrame(PyThreadState_Get());
  if (told == nullptr) return false;
  PyCodeObject* const code = PyFrame_GetCode(told);
  const int offset = PyFrame_GetLasti(told);
  Py_DECREF(told);
  Py_DECREF(code);  // which the function has, too
  return frame->executable.object() == reinterpret_cast<PyObject*>(code) &&
         frame->globals == PyEval_GetGlobals() && frame->slots[0].object() == variable &&
         frame->instruction == code->co_code_adaptive + offset;
}

PyObject* check(PyObject*, PyObject* variable) {
  const bool enabled = frames_fit;
  frames_fit = true;  // for `innermost_frame`
  const Frame* const frame = innermost_frame(PyThreadState_Get());
  frames_fit = enabled;
  const bool fits = frame != nullptr && is_as_python_says(variable, frame);
  return PyErr_Occurred() == nullptr ? PyBool_FromLong(static_cast<long>(fits)) : nullptr;
}

PyMethodDef check_method = {"check", check, METH_O, nullptr};

constexpr const char* probe = "def probe(variable):\n  return check(variable)\nfits = probe([])\n";

}  // namespace

void compare_frames() {
  PyObject* const names = PyDict_New();
  PyObject* const function = PyCFunction_New(&check_method, nullptr);
  const bool ready = names != nullptr && function != nullptr &&
                     PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) == 0 &&
                     PyDict_SetItemString(names, "check", function) == 0;
  PyObject* const done = ready ? PyRun_String(probe, Py_file_input, names, names) : nullptr;
  if (done != nullptr) frames_fit = PyDict_GetItemString(names, "fits") == Py_True;
  PyErr_Clear();  // then they are not read
  Py_XDECREF(done);
  Py_XDECREF(function);
  Py_XDECREF(names);
}

#else

void compare_frames() {}

#endif

}  // namespace rheap::bindings
