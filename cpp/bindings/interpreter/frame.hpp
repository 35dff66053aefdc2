#pragma once

#include <Python.h>

#include <cstdint>

/// How Python lays out a running function. It is read here where to ask would change what is asked
/// about (`PyFrame_GetLocals` leaves a snapshot behind that holds blocks), or allocate inside an
/// allocator (a frame object). The layout is that of 3.11 to 3.13, which no longer change it. From
/// 3.14 on it is another, and without the GIL other threads write to it.
#if PY_VERSION_HEX < 0x030E0000 && !defined(Py_GIL_DISABLED)
#define RHEAP_READS_FRAMES 1
#else
#define RHEAP_READS_FRAMES 0
#endif

namespace rheap::bindings {

inline constexpr bool frames_are_read = RHEAP_READS_FRAMES == 1;

#if RHEAP_READS_FRAMES

struct Frame {
#if PY_VERSION_HEX < 0x030C0000
  PyObject* function;
  PyObject* globals;
  PyObject* builtins;
  PyObject* locals;
  PyObject* code;
  PyFrameObject* object;
  Frame* previous;
  char* instruction;
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
  char* instruction;
  int stack_top;
  std::uint16_t return_offset;
  char owner;
#endif
  PyObject* slots[1];  ///< the variables, then the stack
};

/// Null where a thread runs no function.
inline const Frame* innermost_frame(const PyThreadState* thread) {
#if PY_VERSION_HEX < 0x030D0000
  return reinterpret_cast<const Frame*>(thread->cframe->current_frame);
#else
  return reinterpret_cast<const Frame*>(thread->current_frame);
#endif
}

#endif

}  // namespace rheap::bindings
