#pragma once

#include <Python.h>

#include <cstdint>

/// How Python lays out a running function. It is read here where to ask would change what is asked
/// about (`PyFrame_GetLocals` leaves a snapshot behind that holds blocks), allocate inside an
/// allocator (a frame object), or not tell enough: from 3.14 on a variable may borrow the reference
/// of another one, and no public function says so.
///
/// The layouts are those of 3.11 to 3.15, which the checks of `frames_fit` compare with what Python
/// itself says. Without the GIL other threads write to frames, so there none is read.
#ifdef Py_GIL_DISABLED
#define RHEAP_READS_FRAMES 0
#else
#define RHEAP_READS_FRAMES 1
#endif

namespace rheap::bindings {

/// What a variable or a place on the stack of a function holds.
class FrameSlot {
 public:
  /// Whether it has a reference of its own to that object.
  [[nodiscard]] bool owns(const PyObject* object) const {
    return bits_ == reinterpret_cast<std::uintptr_t>(object);
  }
  /// The object, whether it has a reference of its own or borrows another's.
  [[nodiscard]] PyObject* object() const {
    return reinterpret_cast<PyObject*>(bits_ & ~std::uintptr_t{tags});
  }

 private:
#if PY_VERSION_HEX < 0x030E0000
  static constexpr unsigned tags = 0;
#else
  static constexpr unsigned tags = 3;  // the lowest says that the reference is borrowed
#endif
  std::uintptr_t bits_;
};

struct Frame {
#if PY_VERSION_HEX < 0x030C0000
  PyObject* function;
  PyObject* globals;
  PyObject* builtins;
  PyObject* locals;
  FrameSlot executable;
  PyFrameObject* object;
  Frame* previous;
  char* instruction;
  int stack_top;
  bool is_entry;
  char owner;
#else
  FrameSlot executable;
  Frame* previous;
  FrameSlot function;
  PyObject* globals;
  PyObject* builtins;
  PyObject* locals;
  PyFrameObject* object;
  char* instruction;
#if PY_VERSION_HEX < 0x030E0000
  int stack_top;
#else
  const FrameSlot* stack_top;  ///< null while the function itself runs, and in no call
#endif
  std::uint16_t return_offset;
  char owner;
#endif
  FrameSlot slots[1];  ///< the variables, then the stack

  /// Null where this is no function of Python code.
  [[nodiscard]] PyCodeObject* code() const {
    PyObject* const found = executable.object();
    return found != nullptr && PyCode_Check(found) ? reinterpret_cast<PyCodeObject*>(found)
                                                   : nullptr;
  }
};

/// Whether frames of this Python lie as said above. Without it nothing is read.
extern bool frames_fit;
/// Finds that out, when the module is loaded.
void compare_frames();

/// Null where a thread runs no function, or frames are not read.
inline const Frame* innermost_frame(const PyThreadState* thread) {
  if (!frames_fit) return nullptr;
#if PY_VERSION_HEX < 0x030D0000
  return reinterpret_cast<const Frame*>(thread->cframe->current_frame);
#else
  return reinterpret_cast<const Frame*>(thread->current_frame);
#endif
}

}  // namespace rheap::bindings
