#include "bindings/heap/heap_methods.hpp"

#include <bit>
#include <cstring>

#include "bindings/heap/array_method.hpp"
#include "bindings/heap/block.hpp"
#include "bindings/heap/heap_recorder.hpp"
#include "bindings/heap/holders.hpp"
#include "bindings/heap/patience.hpp"
#include "bindings/heap/pin.hpp"
#include "bindings/heap/self.hpp"
#include "bindings/interpreter/arguments.hpp"
#include "bindings/interpreter/errors.hpp"
#include "bindings/interpreter/exposure.hpp"
#include "bindings/interpreter/quick_method.hpp"

namespace py = pybind11;

namespace rheap::bindings {

bool parse_align(PyObject* value, std::uint64_t& align) {
  if (!parse_size(value, "align", align)) return false;
  if (!std::has_single_bit(align) || align > largest_align) {
    PyErr_Format(PyExc_ValueError, "align must be a power of two up to %llu (2 MiB), not %R",
                 static_cast<unsigned long long>(largest_align), value);
    return false;
  }
  align = std::max<std::uint64_t>(align, 8);
  return true;
}

namespace {

/// Zeroes the bytes that may not be zero. A long one lets other threads run; the pin stops a
/// `close()` in one of them from giving the memory back meanwhile.
bool clear(BlockObject* block, std::uint64_t bytes) {
  constexpr std::uint64_t long_enough = std::uint64_t{1} << 20;
  if (bytes < long_enough) {
    std::memset(address_of(block), 0, bytes);
    return true;
  }
  ++block->pins;
  Py_BEGIN_ALLOW_THREADS;
  std::memset(address_of(block), 0, bytes);
  Py_END_ALLOW_THREADS;
  unpin(block);
  return usable(block, "use");
}

/// Returns false with a Python error.
[[gnu::noinline]] bool alloc_otherwise(BlockObject* block, Heap* heap, std::uint64_t bytes,
                                       std::uint64_t align, bool stays, std::uint64_t& dirty) {
  note_request(heap);
  const bool done = translated_request(*heap, "allocate", [&] {
    patiently(*heap, [&] { dirty = heap->alloc(block->handle, bytes, align, stays); });
  });
  if (!done) return false;
  adopt(block, heap);
  if (!heap->debug()) return true;
  note_allocation(block);
  return usable(block, "allocate");  // finding the line may have run code that closed the heap
}

[[gnu::always_inline]] inline BlockObject* allocate(Heap* heap, std::uint64_t bytes,
                                                    std::uint64_t align, bool zero, bool stays) {
  BlockObject* block = new_block();  // before the lock: making objects may run Python code
  if (block == nullptr) return nullptr;
  std::uint64_t dirty = bytes;
  if (heap->alloc_quickly(block->handle, bytes, align)) [[likely]] {
    adopt(block, heap);
  } else if (!alloc_otherwise(block, heap, bytes, align, stays, dirty)) {
    Py_DECREF(block);
    return nullptr;
  }
  if (zero && !clear(block, dirty)) [[unlikely]] {
    Py_DECREF(block);
    return nullptr;
  }
  return block;
}

}  // namespace

BlockObject* allocate_to_stay(Heap* heap, std::uint64_t bytes, std::uint64_t align, bool zero) {
  return allocate(heap, bytes, align, zero, true);
}

namespace {

[[gnu::always_inline]] inline PyObject* alloc_block(PyObject* self, PyObject* size,
                                                    std::uint64_t align, bool zero) {
  std::uint64_t bytes = 0;
  if (!parse_size(size, "size", bytes)) return nullptr;
  Heap* heap = heap_of(self);
  if (heap == nullptr) return nullptr;
  return reinterpret_cast<PyObject*>(allocate(heap, bytes, align, zero, false));
}

struct BlockRequest {
  PyObject* size;
  std::uint64_t align;
  bool zero;
};

/// The arguments of `alloc` and `buffer`. Returns false with a Python error.
bool read_request(const char* name, PyObject* const* args, Py_ssize_t count, PyObject* names,
                  BlockRequest& request) {
  PyObject* found[3] = {nullptr, nullptr, nullptr};
  constexpr const char* known[3] = {"size", "align", "zero"};
  if (!take_arguments(name, args, count, names, known, 3, 1, found)) return false;
  if (found[0] == nullptr) {
    PyErr_Format(PyExc_TypeError, "%s() needs a size in bytes", name);
    return false;
  }
  request = {found[0], 8, false};
  if (found[1] != nullptr && !parse_align(found[1], request.align)) return false;
  const int zero = found[2] == nullptr ? 0 : PyObject_IsTrue(found[2]);
  request.zero = zero == 1;
  return zero >= 0;
}

[[gnu::noinline]] PyObject* alloc_with_options(PyObject* self, PyObject* const* args,
                                               Py_ssize_t count, PyObject* names) {
  BlockRequest request{};
  if (!read_request("alloc", args, count, names, request)) return nullptr;
  return alloc_block(self, request.size, request.align, request.zero);
}

PyObject* alloc(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  if (count == 1 && names == nullptr) [[likely]]
    return alloc_block(self, args[0], 8, false);
  return alloc_with_options(self, args, count, names);
}

PyObject* buffer(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  BlockRequest request{};
  std::uint64_t bytes = 0;
  if (!read_request("buffer", args, count, names, request)) return nullptr;
  if (!parse_size(request.size, "size", bytes)) return nullptr;
  Heap* heap = heap_of(self);
  if (heap == nullptr) return nullptr;
  BlockObject* block = allocate_to_stay(heap, bytes, request.align, request.zero);
  if (block == nullptr) return nullptr;
  PyObject* view = view_of(block);
  Py_DECREF(block);  // the view keeps it
  return view;
}

/// `name` is that of the function which got these arguments.
PyObject* free_argument(const char* name, PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (!takes(name, 1, count)) return nullptr;
  PyObject* object = args[0];
  if (!is_block(object)) {
    return PyErr_Format(PyExc_TypeError, "%s() takes a Block, not %.100s", name,
                        Py_TYPE(object)->tp_name);
  }
  const Heap* heap = heap_of(self);
  if (heap == nullptr) return nullptr;
  auto* block = reinterpret_cast<BlockObject*>(object);
  if (!usable(block, "free")) return nullptr;
  if (block->heap != heap) {
    set_foreign(block->handle.payload.value);
    return nullptr;
  }
  return free_block(block, exposure::references_of_call(args, 1));
}

PyObject* free_any(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return free_argument("free", self, args, count);
}

/// `default_heap` is a function that returns the heap.
PyObject* free_of_default(PyObject* default_heap, PyObject* const* args, Py_ssize_t count) {
  PyObject* heap = PyObject_CallNoArgs(default_heap);
  if (heap == nullptr) return nullptr;
  PyObject* done = free_argument("r_free", heap, args, count);
  Py_DECREF(heap);
  return done;
}

PyMethodDef r_free = {"r_free",
                      reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(free_of_default)),
                      METH_FASTCALL,
                      "r_free(block, /)\n--\n\n"
                      "Frees a block of the default heap, as `block.free()` does; returns whether "
                      "its memory is\nback.\n\n"
                      "Raises `BlockFreed` when it is closed already, `ForeignBlock` when it "
                      "belongs to another heap,\n"
                      "`BlockPinned` while a view of it lives."};

PyMethodDef methods[] = {
    {"alloc", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(alloc)),
     METH_FASTCALL | METH_KEYWORDS,
     "alloc($self, size, *, align=8, zero=False)\n--\n\n"
     "A new Block of `size` bytes (an int, or a string such as '64 MiB').\n\n"
     "`align`: of the payload, a power of two up to 2 MiB. `zero`: all bytes are 0; otherwise "
     "they\n"
     "may hold anything. `alloc(0)` gives an empty Block. Raises HeapExhausted when there is no\n"
     "room, OSError when the system refuses memory, ValueError, TypeError or OverflowError for a\n"
     "size that is none."},
    {"buffer", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(buffer)),
     METH_FASTCALL | METH_KEYWORDS,
     "buffer($self, size, *, align=8, zero=False)\n--\n\n"
     "A memoryview of a new block of `size` bytes, to give to whatever takes a buffer.\n\n"
     "The memory returns when the last view of it is gone, or at once by `release()`; it is never\n"
     "exposed, whoever has it. `view.obj.block` is the Block. `align`, `zero` and what is raised:\n"
     "as of `alloc`."},
    {"free", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(free_any)), METH_FASTCALL,
     "free($self, block, /)\n--\n\n"
     "Frees a block of this heap, as `block.free()` does; returns whether its memory is back.\n\n"
     "Raises BlockFreed when it is closed already, ForeignBlock when it belongs to another heap,\n"
     "BlockPinned while a view of it lives."},
    array_method,
    zeros_method,
};

}  // namespace

py::object make_r_free(const py::function& default_heap, const py::str& module) {
  return py::reinterpret_steal<py::object>(
      PyCFunction_NewEx(&r_free, default_heap.ptr(), module.ptr()));
}

void add_methods(const py::object& owner, std::span<PyMethodDef> added) {
  for (PyMethodDef& method : added) {
    const auto descriptor = py::reinterpret_steal<py::object>(
        PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(owner.ptr()), &method));
    if (!descriptor) throw py::error_already_set();
    py::setattr(owner, method.ml_name, descriptor);
  }
}

void add_heap_methods(const py::object& heap_class) { add_methods(heap_class, methods); }

}  // namespace rheap::bindings
