#include "bindings/heap/site.hpp"

#include "bindings/interpreter/caller.hpp"
#include "bindings/interpreter/errors.hpp"

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
  const char* why =
      block->pins > 0
          ? "the last view of it. Release the view, or delete the array, before the block is closed"
          : "the last reference to the block: something took the Block itself as a buffer, or read "
            "its address, and more than local names refers to it (a list, say). Give away "
            "block.view() instead of the block, or take a heap.buffer()";
  const std::string text =
      "block allocated at " + site + " was closed, but its memory waits for " + why;
  if (!warn_lingering(text, block->traced ? self : Py_None)) PyErr_WriteUnraisable(self);
  PyErr_Restore(type, value, trace);
}

}  // namespace rheap::bindings
