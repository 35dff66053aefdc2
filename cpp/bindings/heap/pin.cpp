#include "bindings/heap/pin.hpp"

#include "bindings/interpreter/object_pool.hpp"
#include "bindings/interpreter/static_type.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

ObjectPool<PinObject, 64> dead_pins;

PinObject* as_pin(PyObject* self) { return reinterpret_cast<PinObject*>(self); }

int fill(PinObject* pin, Py_buffer* view, int flags) {
  const BlockObject* block = pin->block;
  return PyBuffer_FillInfo(view, reinterpret_cast<PyObject*>(pin), address_of(block),
                           static_cast<Py_ssize_t>(block->handle.bytes), 0, flags);
}

int get_pin_buffer(PyObject* self, Py_buffer* view, int flags) {
  return fill(as_pin(self), view, flags);
}

void drop_pin(PyObject* self) {
  BlockObject* block = as_pin(self)->block;
  dead_pins.keep(as_pin(self));
  unpin(block);
  Py_DECREF(block);
}

PyObject* pin_block(PyObject* self, void*) {
  return Py_NewRef(reinterpret_cast<PyObject*>(as_pin(self)->block));
}

PyObject* show_pin(PyObject* self) {
  return PyUnicode_FromFormat("<rheap.Pin of %R>", as_pin(self)->block);
}

PyBufferProcs pin_buffer = {get_pin_buffer, release_buffer};

PyGetSetDef pin_properties[] = {
    {"block", pin_block, nullptr, "The Block that this pin holds in its place.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyTypeObject make_pin_type() {
  PyTypeObject type = static_type("rheap.Pin", sizeof(PinObject));
  type.tp_doc =
      "What a view of a Block holds (`memoryview(block).obj`).\n\n"
      "While a Pin lives its Block is neither moved nor freed. It exports the Block's buffer\n"
      "itself, also after the Block was closed.";
  type.tp_dealloc = drop_pin;
  type.tp_repr = show_pin;
  type.tp_as_buffer = &pin_buffer;
  type.tp_getset = pin_properties;
  return type;
}

}  // namespace

PyTypeObject PinType = make_pin_type();

PyObject* pin_of(BlockObject* block) {
  if (!usable(block, "view")) return nullptr;
  PinObject* pin = dead_pins.make(&PinType);
  if (pin == nullptr) return nullptr;
  pin->block = reinterpret_cast<BlockObject*>(Py_NewRef(reinterpret_cast<PyObject*>(block)));
  ++block->pins;
  return reinterpret_cast<PyObject*>(pin);
}

PyObject* view_of(BlockObject* block) {
  PyObject* pin = pin_of(block);
  if (pin == nullptr) return nullptr;
  PyObject* view = PyMemoryView_FromObject(pin);
  Py_DECREF(pin);
  return view;
}

int get_block_buffer(PyObject* self, Py_buffer* view, int flags) {
  if (view == nullptr) {  // an old way to lock a buffer
    PyErr_SetString(PyExc_BufferError, "a Block fills a Py_buffer, NULL was given");
    return -1;
  }
  auto* block = reinterpret_cast<BlockObject*>(self);
  view->obj = nullptr;
  PyObject* pin = pin_of(block);
  if (pin == nullptr) return -1;
  const int result = fill(as_pin(pin), view, flags);
  if (result == 0) block->exposed = 1;
  Py_DECREF(pin);
  return result;
}

/// Does nothing: the block is pinned as long as the Pin lives. But NumPy keeps an export only of
/// types that have this slot.
void release_buffer(PyObject*, Py_buffer*) {}

void register_pin(py::module_& module) {
  if (PyType_Ready(&PinType) < 0) throw py::error_already_set();
  module.add_object("Pin", reinterpret_cast<PyObject*>(&PinType));
}

}  // namespace rheap::bindings
