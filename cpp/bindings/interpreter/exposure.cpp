#include "bindings/interpreter/exposure.hpp"

#include <functional>

#include "bindings/interpreter/frame.hpp"

namespace rheap::bindings::exposure {

// From 3.14 on calls borrow references, and without the GIL counts are split between threads: there
// the memory always waits for the last reference.
#if RHEAP_READS_FRAMES

namespace {

/// Kinds of variables, as `co_localspluskinds` has them.
constexpr int cell_kind = 0x40;
constexpr int free_kind = 0x80;

struct Running {
  const Frame* frame;
  const PyCodeObject* code;

  explicit operator bool() const { return frame != nullptr; }
};

Running running() {
  const Frame* frame = innermost_frame(PyThreadState_Get());
  if (frame == nullptr || frame->code == nullptr || !PyCode_Check(frame->code)) return {};
  return {frame, reinterpret_cast<const PyCodeObject*>(frame->code)};
}

Py_ssize_t variables_naming(const PyObject* object, Running function) {
  const char* kinds = PyBytes_AS_STRING(function.code->co_localspluskinds);
  Py_ssize_t count = 0;
  for (int slot = 0; slot < function.code->co_nlocalsplus; ++slot) {
    if ((kinds[slot] & free_kind) != 0) continue;
    PyObject* value = function.frame->slots[slot];
    const bool in_cell = (kinds[slot] & cell_kind) != 0 && value != nullptr && PyCell_Check(value);
    if (in_cell) value = PyCell_GET(value);
    if (value == object) ++count;
  }
  return count;
}

Py_ssize_t entries_naming(const PyObject* object, Running function) {
  PyObject* space = function.frame->locals;
  // A function may have a mapping there as well: a snapshot that somebody asked for.
  if ((function.code->co_flags & CO_OPTIMIZED) != 0) return 0;
  if (space == nullptr || !PyDict_CheckExact(space)) return 0;
  Py_ssize_t count = 0;
  Py_ssize_t place = 0;
  PyObject* value = nullptr;
  while (PyDict_Next(space, &place, nullptr, &value) != 0) {
    if (value == object) ++count;
  }
  return count;
}

}  // namespace

bool all_references_named(PyObject* object, Py_ssize_t own) {
  const Py_ssize_t others = Py_REFCNT(object) - own;
  if (others <= 0) return others == 0;
  const Running function = running();
  return function &&
         others == variables_naming(object, function) + entries_naming(object, function);
}

bool on_stack_of_caller(PyObject* const* arguments) {
  const Running function = running();
  if (!function) return false;
  const std::less<> before;
  PyObject* const* stack = function.frame->slots + function.code->co_nlocalsplus;
  return !before(arguments, stack) && before(arguments, stack + function.code->co_stacksize);
}

#else

bool all_references_named(PyObject*, Py_ssize_t) { return false; }
bool on_stack_of_caller(PyObject* const*) { return false; }

#endif

}  // namespace rheap::bindings::exposure
