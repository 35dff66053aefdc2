#include "bindings/interpreter/caller.hpp"

#include <string_view>

#include "bindings/interpreter/frame.hpp"

namespace rheap::bindings {

bool in_package(PyObject* globals) {
  static PyObject* const key = PyUnicode_InternFromString("__package__");
  if (globals == nullptr || !PyDict_CheckExact(globals)) return false;
  PyObject* package = PyDict_GetItemWithError(globals, key);
  constexpr std::string_view ours = "rheap";
  return package != nullptr && PyUnicode_CheckExact(package) &&
         PyUnicode_IS_COMPACT_ASCII(package) &&
         ours == std::string_view(static_cast<const char*>(PyUnicode_DATA(package)),
                                  static_cast<std::size_t>(PyUnicode_GET_LENGTH(package)));
}

namespace {

/// The thread's state while it has the GIL, else null.
const PyThreadState* attached() {
#if PY_VERSION_HEX >= 0x030D0000
  return PyThreadState_GetUnchecked();
#else
  PyThreadState* thread = _PyThreadState_UncheckedGet();
#if PY_VERSION_HEX < 0x030C0000
  // There it is the state of whoever has the GIL.
  if (thread != PyGILState_GetThisThreadState()) return nullptr;
#endif
  return thread;
#endif
}

/// Where it stands as its traceback would say; nowhere if it is no function of the program's, or
/// has not begun, or is so far gone that its code goes too.
Instruction instruction_of(const Frame& frame) {
  constexpr char owned_by_generator = 1;
  PyCodeObject* const code = frame.code();
  if (code == nullptr || Py_REFCNT(code) <= 0) return {};
  const auto offset = static_cast<int>(frame.instruction - code->co_code_adaptive);
  const int first = code->_co_firsttraceable * static_cast<int>(sizeof(std::uint16_t));
  if (frame.owner != owned_by_generator && offset < first) return {};
  return {code, offset};
}

}  // namespace

Instruction caller() {
  const PyThreadState* thread = attached();
  if (thread == nullptr) return {};
  for (const Frame* frame = innermost_frame(thread); frame != nullptr; frame = frame->previous) {
    const Instruction instruction = instruction_of(*frame);
    if (instruction.code != nullptr && !in_package(frame->globals)) return instruction;
  }
  return {};
}

}  // namespace rheap::bindings
