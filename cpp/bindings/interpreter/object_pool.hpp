#pragma once

#include <Python.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace rheap::bindings {

/// Dead objects of one type, kept for reuse. To take one costs less than to ask Python for
/// memory. Guarded by the GIL, as the objects are. (A module that several interpreters share, or
/// one without a GIL, would need one of these for each; ours refuses both.)
template <typename Object, std::size_t most>
class ObjectPool {
 public:
  /// A new object with one reference, its fields zero or as the last owner left them; nullptr
  /// with a Python error when there is no memory.
  Object* make(PyTypeObject* type) noexcept {
    if (count_ == 0) return make_anew(type);
    Object* object = kept_[--count_];
    // What Python does for objects of its own free lists: counts the first reference, and tells
    // tracemalloc, which would go on naming the line that made the object's last life.
    _Py_NewReference(reinterpret_cast<PyObject*>(object));
    return object;
  }
  /// As `make`, but tracemalloc is not told. While it traces, the caller has to tell it.
  Object* make_untold(PyTypeObject* type) noexcept {
#if defined(Py_REF_DEBUG) || defined(Py_TRACE_REFS)
    return make(type);  // such a Python counts objects
#else
    if (count_ == 0) [[unlikely]]
      return make_anew(type);
    Object* object = kept_[--count_];
    reinterpret_cast<PyObject*>(object)->ob_refcnt = 1;
    return object;
#endif
  }
  /// What is left to do for an object made untold that nobody else has seen.
  static void tell(Object* object) noexcept {
    _Py_NewReference(reinterpret_cast<PyObject*>(object));
  }
  void keep(Object* object) noexcept {
    if (count_ < most) {
      kept_[count_++] = object;
    } else {
      PyObject_Free(object);
    }
  }

 private:
  [[gnu::noinline]] static Object* make_anew(PyTypeObject* type) noexcept {
    Object* object = PyObject_New(Object, type);
    constexpr std::size_t header = sizeof(PyObject);
    if (object != nullptr) {
      std::memset(reinterpret_cast<char*>(object) + header, 0, sizeof(Object) - header);
    }
    return object;
  }

  std::array<Object*, most> kept_{};
  std::size_t count_ = 0;
};

}  // namespace rheap::bindings
