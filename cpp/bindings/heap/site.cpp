#include "bindings/heap/site.hpp"

#include "bindings/interpreter/caller.hpp"

namespace rheap::bindings {

namespace {

bool in_our_package(PyFrameObject* frame) {
  PyObject* globals = PyFrame_GetGlobals(frame);
  const bool ours = in_package(globals);
  Py_XDECREF(globals);
  return ours;
}

/// Names may hold line breaks, or bytes that are no text.
std::string printable(PyObject* text) {
  PyObject* answer = PyObject_CallMethod(text, "isprintable", nullptr);
  const char* codec = answer == Py_True ? "utf-8" : "unicode_escape";
  Py_XDECREF(answer);
  PyObject* bytes = PyUnicode_AsEncodedString(text, codec, "backslashreplace");
  if (bytes == nullptr) return "";
  std::string copy(PyBytes_AS_STRING(bytes), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes)));
  Py_DECREF(bytes);
  return copy;
}

}  // namespace

Site innermost_site() {
  PyFrameObject* frame = PyEval_GetFrame();
  Py_XINCREF(frame);
  while (frame != nullptr && in_our_package(frame)) {
    PyFrameObject* caller = PyFrame_GetBack(frame);
    Py_DECREF(frame);
    frame = caller;
  }
  if (frame == nullptr) {
    PyErr_Clear();  // there may have been no memory for a frame
    return {nullptr, 0};
  }
  const Site site{reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)),
                  PyFrame_GetLineNumber(frame)};
  Py_DECREF(frame);
  return site;
}

std::string site_text(const Site& site) {
  if (site.code == nullptr) return "";
  const auto* names = reinterpret_cast<PyCodeObject*>(site.code);
  std::string text = printable(names->co_filename);
  text += ":" + std::to_string(site.line) + " " + printable(names->co_qualname);
  PyErr_Clear();  // without memory for its name things may still go on
  return text;
}

void warn_of_lingering(BlockObject* block) {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  auto* self = reinterpret_cast<PyObject*>(block);
  std::string site = site_text(block->allocated_at);
  if (site.empty()) site = "an unknown line";
  // The same text for the same lines, so that the usual filters show it once.
  const char* why = block->pins > 0
                        ? "while a view of it is alive; its memory returns with the last one"
                        : "while exposed, and something besides the names here refers to it; its "
                          "memory returns with the last reference. To give away block.view() "
                          "instead of the block exposes nothing";
  if (PyErr_ResourceWarning(self, 1, "block allocated at %s was closed %s", site.c_str(), why) <
      0) {
    PyErr_WriteUnraisable(self);
  }
  PyErr_Restore(type, value, trace);
}

}  // namespace rheap::bindings
