#include "bindings/interpreter/exposure.hpp"

#include <functional>

#include "bindings/interpreter/frame.hpp"

namespace rheap::bindings::exposure {

namespace {

/// Kinds of variables, as `co_localspluskinds` has them.
constexpr int cell_kind = 0x40;
constexpr int free_kind = 0x80;

struct Running {
  const Frame* frame;
  const PyCodeObject* code;

  explicit operator bool() const { return code != nullptr; }
};

Running running() {
  const Frame* frame = innermost_frame(PyThreadState_Get());
  return {frame, frame != nullptr ? frame->code() : nullptr};
}

Py_ssize_t variables_naming(const PyObject* object, Running function) {
  const char* kinds = PyBytes_AS_STRING(function.code->co_localspluskinds);
  Py_ssize_t count = 0;
  for (int slot = 0; slot < function.code->co_nlocalsplus; ++slot) {
    if ((kinds[slot] & free_kind) != 0) continue;
    const FrameSlot& variable = function.frame->slots[slot];
    PyObject* const value = variable.object();
    const bool in_cell = (kinds[slot] & cell_kind) != 0 && value != nullptr && PyCell_Check(value);
    if (in_cell ? PyCell_GET(value) == object : variable.owns(object)) ++count;
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

#if PY_VERSION_HEX < 0x030E0000

Py_ssize_t references_of_call(PyObject* const* arguments, Py_ssize_t) {
  const Running function = running();
  if (!function) return 0;
  const std::less<> before;
  const auto* place = reinterpret_cast<const FrameSlot*>(arguments);
  const FrameSlot* stack = function.frame->slots + function.code->co_nlocalsplus;
  const bool on_stack = !before(place, stack) && before(place, stack + function.code->co_stacksize);
  return on_stack ? 1 : 0;
}

#else

/// Calls get copies of the arguments, which lie on top of the stack, and may be borrowed there.
Py_ssize_t references_of_call(PyObject* const* arguments, Py_ssize_t count) {
  const Running function = running();
  if (!function || function.frame->stack_top == nullptr) return 0;
  const FrameSlot* stack = function.frame->slots + function.code->co_nlocalsplus;
  const FrameSlot* place = function.frame->stack_top - count;
  return place >= stack && place->owns(arguments[0]) ? 1 : 0;
}

#endif

}  // namespace rheap::bindings::exposure
