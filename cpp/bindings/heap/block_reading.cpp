#include "bindings/heap/block_reading.hpp"

#include <cstring>

#include "bindings/heap/pin.hpp"
#include "bindings/interpreter/arguments.hpp"

namespace rheap::bindings {

namespace {

/// `memoryview(block)[:bytes].cast(format, shape)`. Steals `view`.
PyObject* cast_view(PyObject* view, PyObject* format, PyObject* shape) {
  PyObject* cast = shape == nullptr ? PyObject_CallMethod(view, "cast", "O", format)
                                    : PyObject_CallMethod(view, "cast", "OO", format, shape);
  Py_DECREF(view);
  return cast;
}

}  // namespace

PyObject* view_block(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* arguments[2] = {nullptr, nullptr};
  constexpr const char* known[2] = {"format", "shape"};
  if (!take_arguments("view", args, count, names, known, 2, 2, arguments)) return nullptr;
  PyObject* format = arguments[0];
  PyObject* shape = arguments[1] == Py_None ? nullptr : arguments[1];
  PyObject* whole = view_of(as_block(self));
  if (whole == nullptr || (format == nullptr && shape == nullptr)) return whole;
  PyObject* bytes = format == nullptr ? PyUnicode_FromString("B") : Py_NewRef(format);
  if (shape != nullptr && bytes != nullptr) {
    // A shape that needs fewer bytes than the block has gets the first ones.
    PyObject* needed = view_bytes(bytes, shape);
    const Py_ssize_t length = needed != nullptr ? PyLong_AsSsize_t(needed) : -1;
    Py_XDECREF(needed);
    if (length < 0) {
      Py_CLEAR(bytes);
    } else if (length > length_of(as_block(self))) {
      PyErr_Format(PyExc_ValueError, "shape %R of format %R needs %zd bytes, the block has %zd",
                   shape, bytes, length, length_of(as_block(self)));
      Py_CLEAR(bytes);
    } else {
      PyObject* part = PySequence_GetSlice(whole, 0, length);
      Py_SETREF(whole, part);
    }
  }
  PyObject* cast = nullptr;
  if (whole != nullptr && bytes != nullptr) {
    cast = cast_view(Py_NewRef(whole), bytes, shape);
  }
  Py_XDECREF(bytes);
  Py_XDECREF(whole);
  return cast;
}

Py_ssize_t length_of_block(PyObject* self) {
  return usable(as_block(self), "measure") ? length_of(as_block(self)) : -1;
}

bool in_range(const BlockObject* block, Py_ssize_t index) {
  if (index >= 0 && index < length_of(block)) return true;
  PyErr_Format(PyExc_IndexError, "index out of range: the block has %zd bytes", length_of(block));
  return false;
}

PyObject* item_of_block(PyObject* self, Py_ssize_t index) {
  const BlockObject* block = as_block(self);
  if (!usable(as_block(self), "read") || !in_range(block, index)) return nullptr;
  return PyLong_FromLong(static_cast<unsigned char>(bytes_of(block)[index]));
}

PyObject* read_block(PyObject* self, PyObject* key) {
  if (PyIndex_Check(key)) {
    Py_ssize_t index = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (index == -1 && PyErr_Occurred() != nullptr) return nullptr;
    if (index < 0 && !as_block(self)->closed) index += length_of(as_block(self));
    return item_of_block(self, index);
  }
  if (!PySlice_Check(key)) {
    return PyErr_Format(PyExc_TypeError, "block indices are integers or slices, not %.100s",
                        Py_TYPE(key)->tp_name);
  }
  Py_ssize_t start = 0;
  Py_ssize_t stop = 0;
  Py_ssize_t step = 0;
  if (PySlice_Unpack(key, &start, &stop, &step) < 0) return nullptr;
  const BlockObject* block = as_block(self);
  if (!usable(as_block(self), "read")) return nullptr;
  const Py_ssize_t count = PySlice_AdjustIndices(length_of(block), &start, &stop, step);
  PyObject* copy = PyBytes_FromStringAndSize(nullptr, count);
  if (copy == nullptr) return nullptr;
  char* to = PyBytes_AS_STRING(copy);
  const char* from = bytes_of(block) + start;
  if (step == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(count));
  } else {
    for (Py_ssize_t i = 0; i < count; ++i) to[i] = from[i * step];
  }
  return copy;
}

PyObject* copy_block(PyObject* self, PyObject*) {
  const BlockObject* block = as_block(self);
  if (!usable(as_block(self), "read")) return nullptr;
  return PyBytes_FromStringAndSize(bytes_of(block), length_of(block));
}

PyObject* hex_of_block(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* found[2] = {nullptr, nullptr};
  constexpr const char* known[2] = {"sep", "bytes_per_sep"};
  if (!take_arguments("hex", args, count, names, known, 2, 2, found)) return nullptr;
  if (!usable(as_block(self), "read")) return nullptr;
  PyObject* view = view_of(as_block(self));
  if (view == nullptr) return nullptr;
  const bool plain = found[0] == nullptr || found[0] == Py_None;
  PyObject* text = plain ? PyObject_CallMethod(view, "hex", nullptr)
                   : found[1] == nullptr
                       ? PyObject_CallMethod(view, "hex", "O", found[0])
                       : PyObject_CallMethod(view, "hex", "OO", found[0], found[1]);
  Py_DECREF(view);
  return text;
}

int block_contains(PyObject* self, PyObject* sought) {
  BlockObject* block = as_block(self);
  if (PyIndex_Check(sought)) {
    int byte = 0;
    if (!parse_byte(sought, byte) || !usable(block, "read")) return -1;
    return std::memchr(bytes_of(block), byte, block->handle.bytes) != nullptr ? 1 : 0;
  }
  Py_buffer buffer;
  if (!look_at(sought, buffer, PyBUF_SIMPLE)) return -1;
  int found = -1;
  if (usable(block, "read")) {
    const auto length = static_cast<std::size_t>(buffer.len);
    found = memmem(bytes_of(block), block->handle.bytes, buffer.buf, length) != nullptr ? 1 : 0;
  }
  PyBuffer_Release(&buffer);
  return found;
}

/// The bytes decide, as with a bytearray. Two Blocks are equal only if they are the same one, since
/// they have the hash of that one, and since `list.remove(block)` would else drop another, and with
/// it that one's memory.
PyObject* compare_block(PyObject* self, PyObject* other, int operation) {
  const bool comparable = (operation == Py_EQ || operation == Py_NE) && !is_block(other) &&
                          PyObject_CheckBuffer(other) != 0;
  Py_buffer buffer;
  if (!comparable) Py_RETURN_NOTIMPLEMENTED;
  if (PyObject_GetBuffer(other, &buffer, PyBUF_SIMPLE) < 0) {
    PyErr_Clear();
    Py_RETURN_NOTIMPLEMENTED;
  }
  // As a memoryview that was released, a block that was freed is equal to itself alone.
  BlockObject* block = as_block(self);
  const bool readable = block->closed || usable(block, "compare");
  const bool equal =
      readable && !block->closed && buffer.len == length_of(block) &&
      std::memcmp(bytes_of(block), buffer.buf, static_cast<std::size_t>(buffer.len)) == 0;
  PyBuffer_Release(&buffer);
  return readable ? PyBool_FromLong(equal == (operation == Py_EQ) ? 1 : 0) : nullptr;
}

bool parse_byte(PyObject* value, int& byte) {
  const Py_ssize_t number = PyNumber_AsSsize_t(value, PyExc_ValueError);
  if (number == -1 && PyErr_Occurred() != nullptr) return false;
  if (number < 0 || number > 255) {
    PyErr_SetString(PyExc_ValueError, "a byte is in range(0, 256)");
    return false;
  }
  byte = static_cast<int>(number);
  return true;
}

bool look_at(PyObject* object, Py_buffer& buffer, int flags) {
  // A buffer of a Block is held only for this moment, so the Block is not exposed.
  PyObject* source = is_block(object) ? pin_of(as_block(object)) : Py_NewRef(object);
  if (source == nullptr) return false;
  const int got = PyObject_GetBuffer(source, &buffer, flags);
  Py_DECREF(source);
  return got == 0;
}

}  // namespace rheap::bindings
