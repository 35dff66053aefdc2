#include "bindings/heap/block_methods.hpp"

#include <cstring>
#include <iterator>

#include "bindings/heap/block.hpp"
#include "bindings/heap/block_reading.hpp"
#include "bindings/heap/heap_recorder.hpp"
#include "bindings/heap/holders.hpp"
#include "bindings/heap/patience.hpp"
#include "bindings/heap/tracing.hpp"
#include "bindings/interpreter/arguments.hpp"
#include "bindings/interpreter/errors.hpp"

namespace rheap::bindings {

namespace {

// --- with, free, resize -----------------------------------------------------------------------

PyObject* enter(PyObject* self, PyObject* const*, Py_ssize_t) {
  return usable(as_block(self), "enter") ? Py_NewRef(self) : nullptr;
}

/// An ExitStack keeps a method that it bound itself, and passes the arguments in a C array like any
/// other. Its method has one reference, as ours has. Nobody keeps blocks in tuples of the arguments
/// of `__exit__`.
PyObject* leave(PyObject* self, PyObject* const*, Py_ssize_t) {
  BlockObject* block = as_block(self);
  if (!close_block_quickly(block) && !close_block(block, 1)) return nullptr;
  Py_RETURN_NONE;
}

PyObject* free_method(PyObject* self, PyObject* const*, Py_ssize_t own) {
  return free_block(as_block(self), own);
}

/// Keeps a block from being moved as long as it lives.
class Stay {
 public:
  explicit Stay(BlockObject* block) : block_(block) { ++block_->pins; }
  ~Stay() { --block_->pins; }
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;

 private:
  BlockObject* block_;
};

PyObject* resize(PyObject* self, PyObject* const* arguments, Py_ssize_t own) {
  std::uint64_t bytes = 0;
  BlockObject* block = as_block(self);
  // Both may run Python code, so they come first.
  if (!parse_size(arguments[0], "size", bytes)) return nullptr;
  if (block->heap != nullptr) note_request(block->heap);
  if (!usable(block, "resize")) return nullptr;
  Heap* heap = block->heap;
  const bool done = translated_request(*heap, "resize", [&] {
    patiently(block, [&] {
      if (!usable(block, "resize")) throw pybind11::error_already_set();
      if (!unseen(block, own)) {
        set_pinned("resize", block->handle.payload.value, block->pins);
        throw pybind11::error_already_set();
      }
      void* const before = address_of(block);
      const Stay stay(block);  // others may be moved to make room
      heap->resize(block->handle, bytes);
      retrace(block, before);
    });
  });
  // If not, making the error may have run code that freed the block.
  if (!done) return nullptr;
  Py_RETURN_NONE;
}

// --- writing ----------------------------------------------------------------------------------

int set_byte(BlockObject* block, PyObject* key, PyObject* value) {
  Py_ssize_t index = PyNumber_AsSsize_t(key, PyExc_IndexError);
  if (index == -1 && PyErr_Occurred() != nullptr) return -1;
  int byte = 0;
  if (!parse_byte(value, byte) || !usable(block, "write")) return -1;
  if (index < 0) index += length_of(block);
  if (!in_range(block, index)) return -1;
  bytes_of(block)[index] = static_cast<char>(byte);
  return 0;
}

int set_slice(BlockObject* block, PyObject* key, Py_buffer* value) {
  Py_ssize_t start = 0;
  Py_ssize_t stop = 0;
  Py_ssize_t step = 0;
  if (PySlice_Unpack(key, &start, &stop, &step) < 0) return -1;
  if (!usable(block, "write")) return -1;
  const Py_ssize_t count = PySlice_AdjustIndices(length_of(block), &start, &stop, step);
  if (count != value->len) {
    PyErr_Format(PyExc_ValueError, "cannot assign %zd bytes to %zd bytes of a block", value->len,
                 count);
    return -1;
  }
  if (step == 1) {
    std::memmove(bytes_of(block) + start, value->buf, static_cast<std::size_t>(count));
    return 0;
  }
  PyObject* copy = PyBytes_FromStringAndSize(static_cast<char*>(value->buf), count);
  if (copy == nullptr) return -1;  // the value may be a view of this very block
  for (Py_ssize_t i = 0; i < count; ++i) {
    bytes_of(block)[start + i * step] = PyBytes_AS_STRING(copy)[i];
  }
  Py_DECREF(copy);
  return 0;
}

int set(PyObject* self, PyObject* key, PyObject* value) {
  BlockObject* block = as_block(self);
  if (value == nullptr) {
    PyErr_SetString(PyExc_TypeError, "bytes of a block cannot be deleted; use resize()");
    return -1;
  }
  if (!usable(block, "write")) return -1;
  if (PyIndex_Check(key)) return set_byte(block, key, value);
  if (!PySlice_Check(key)) {
    PyErr_Format(PyExc_TypeError, "block indices are integers or slices, not %.100s",
                 Py_TYPE(key)->tp_name);
    return -1;
  }
  Py_buffer buffer;
  if (!look_at(value, buffer, PyBUF_FULL_RO)) return -1;
  int result = -1;
  if (PyBuffer_IsContiguous(&buffer, 'C') != 0) {
    result = set_slice(block, key, &buffer);
  } else {
    PyErr_SetString(PyExc_ValueError, "the value must be contiguous; use bytes(value)");
  }
  PyBuffer_Release(&buffer);
  return result;
}

PyObject* block_html = nullptr;  // makes the picture, in Python; kept for good

PyObject* show_as_html(PyObject* self, PyObject*) {
  if (block_html == nullptr) {
    PyErr_SetString(PyExc_SystemError, "rheap._core works only as a part of rheap");
    return nullptr;
  }
  return PyObject_CallOneArg(block_html, self);
}

PyObject* refuse_copy(PyObject*, PyObject*) {
  return PyErr_Format(PyExc_TypeError,
                      "a Block cannot be copied or pickled: it is a place in one heap; "
                      "bytes(block) copies what is in it");
}

// --- properties -------------------------------------------------------------------------------

template <std::uint64_t (*read)(const BlockObject*)>
PyObject* number(PyObject* self, void*) {
  if (!usable(as_block(self), "read")) return nullptr;
  return PyLong_FromUnsignedLongLong(read(as_block(self)));
}
std::uint64_t size_of(const BlockObject* block) { return block->handle.bytes; }
std::uint64_t capacity_of(const BlockObject* block) { return block->handle.usable; }
std::uint64_t offset_of(const BlockObject* block) { return block->handle.payload.value; }

PyObject* address(PyObject* self, void*) {
  BlockObject* block = as_block(self);
  if (!usable(block, "read")) return nullptr;
  block->exposed = 1;
  return PyLong_FromVoidPtr(address_of(block));
}

PyObject* freed(PyObject* self, void*) {
  return PyBool_FromLong(static_cast<long>(as_block(self)->closed));
}

PyObject* pinned(PyObject* self, void*) { return PyBool_FromLong(as_block(self)->pins > 0); }

template <typename Function>
PyCFunction method(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

}  // namespace

void register_block_html(pybind11::module_& module) {
  module.def(
      "use_block_html",
      [](const pybind11::object& function) { block_html = function.inc_ref().ptr(); },
      "Takes the function that makes what notebooks show of a Block.");
}

QuickMethodDef quick_block_methods[] = {
    quick_method<enter, 0>("__enter__",
                           "__enter__($self, /)\n--\n\n"
                           "The block itself; leaving the `with` closes it."),
    quick_method<leave, 3>(
        "__exit__",
        "__exit__($self, kind, error, trace, /)\n--\n\n"
        "Closes the block. Its memory returns now, or when nobody can see it any more: with the\n"
        "last view that is still alive, and if the block is exposed with the last reference, "
        "unless\n"
        "all references are names in the function that closes it.\n\n"
        "Raises HeapCorruption when the region turns out to be damaged, and nothing else."),
    quick_method<free_method, 0>(
        "free",
        "free($self, /)\n--\n\n"
        "Closes the block; nothing happens when it is closed already.\n\n"
        "Returns whether its memory is back with the heap. It is not (False) if the block is\n"
        "exposed (something took the Block itself as a buffer, or `address` was read) and not all\n"
        "references to it are names in the function that calls: the memory then returns with the\n"
        "last reference. Raises BlockPinned, and changes nothing, while a view of it lives."),
    quick_method<resize, 1>(
        "resize",
        "resize($self, size, /)\n--\n\n"
        "Makes the block `size` bytes long, in place where what lies behind it is free, else "
        "moved\n"
        "with its contents and alignment. Bytes that are new may hold anything.\n\n"
        "Raises BlockPinned while a view lives, or when the block is exposed and not all "
        "references\n"
        "to it are names in the function that calls; HeapExhausted when there is no room. The "
        "block\n"
        "is then as it was."),
};
const int quick_block_method_count = std::size(quick_block_methods);

PyMethodDef block_methods[] = {
    {"view", method(view_block), METH_FASTCALL | METH_KEYWORDS,
     "view($self, format='B', shape=None)\n--\n\n"
     "A memoryview of the block's bytes as items of a struct format; with a shape, of as many of\n"
     "the first bytes as that takes. The block is pinned while it lives, and not exposed."},
    {"tobytes", copy_block, METH_NOARGS,
     "tobytes($self, /)\n--\n\nA copy of the bytes, as `bytes(block)`. The block is not exposed."},
    {"__bytes__", copy_block, METH_NOARGS,
     "__bytes__($self, /)\n--\n\nA copy of the bytes. The block is not exposed."},
    {"hex", method(hex_of_block), METH_FASTCALL | METH_KEYWORDS,
     "hex($self, sep=None, bytes_per_sep=1)\n--\n\n"
     "The bytes as hexadecimal digits, as `bytes.hex` writes them. The block is not exposed."},
    {"_repr_html_", show_as_html, METH_NOARGS, "_repr_html_($self, /)\n--\n\nFor notebooks."},
    {"__reduce__", refuse_copy, METH_NOARGS, "Raises TypeError: copy the bytes instead."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef block_properties[] = {
    {"size", number<size_of>, nullptr, "Bytes asked for; `len(block)`.", nullptr},
    {"capacity", number<capacity_of>, nullptr, "Bytes reserved, at least `size`.", nullptr},
    {"offset", number<offset_of>, nullptr, "Bytes from the region's base to the first byte.",
     nullptr},
    {"address", address, nullptr,
     "Address of the first byte. To read it exposes the block; nothing guards it after the block\n"
     "was closed or resized.",
     nullptr},
    {"freed", freed, nullptr, "Whether the block is closed.", nullptr},
    {"pinned", pinned, nullptr, "Whether a view of the block is alive.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PySequenceMethods block_sequence = [] {
  PySequenceMethods methods{};
  methods.sq_length = length_of_block;
  methods.sq_item = item_of_block;
  methods.sq_contains = block_contains;
  return methods;
}();
PyMappingMethods block_mapping = {length_of_block, read_block, set};

}  // namespace rheap::bindings
