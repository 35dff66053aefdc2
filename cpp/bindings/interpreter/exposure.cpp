#include "bindings/interpreter/exposure.hpp"

#include <cstdint>
#include <functional>

namespace rheap::bindings::exposure {

// From 3.14 on calls borrow references, and without the GIL counts are split between threads: there
// the memory always waits for the last reference.
#if PY_VERSION_HEX < 0x030E0000 && !defined(Py_GIL_DISABLED)

namespace {

/// How Python lays out a running function. It is read here because to ask would change what is
/// asked about: `PyFrame_GetLocals` leaves a snapshot behind that holds blocks. The layout is that
/// of 3.11 to 3.13, which no longer change it.
struct Frame {
#if PY_VERSION_HEX < 0x030C0000
  PyObject* function;
  PyObject* globals;
  PyObject* builtins;
  PyObject* locals;
  PyObject* code;
  PyFrameObject* object;
  Frame* previous;
  void* instruction;
  int stack_top;
  bool is_entry;
  char owner;
#else
  PyObject* code;
  Frame* previous;
  PyObject* function;
  PyObject* globals;
  PyObject* builtins;
  PyObject* locals;
  PyFrameObject* object;
  void* instruction;
  int stack_top;
  std::uint16_t return_offset;
  char owner;
#endif
  PyObject* slots[1];  ///< the variables, then the stack
};

/// Kinds of variables, as `co_localspluskinds` has them.
constexpr int cell_kind = 0x40;
constexpr int free_kind = 0x80;

struct Running {
  const Frame* frame;
  const PyCodeObject* code;

  explicit operator bool() const { return frame != nullptr; }
};

Running running() {
  const PyThreadState* thread = PyThreadState_Get();
#if PY_VERSION_HEX < 0x030D0000
  const auto* frame = reinterpret_cast<const Frame*>(thread->cframe->current_frame);
#else
  const auto* frame = reinterpret_cast<const Frame*>(thread->current_frame);
#endif
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
