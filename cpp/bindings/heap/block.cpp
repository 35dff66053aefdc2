#include "bindings/heap/block.hpp"

#include "bindings/heap/block_methods.hpp"
#include "bindings/heap/block_reading.hpp"
#include "bindings/heap/patience.hpp"
#include "bindings/heap/pin.hpp"
#include "bindings/heap/site.hpp"
#include "bindings/heap/tracing.hpp"
#include "bindings/interpreter/errors.hpp"
#include "bindings/interpreter/exposure.hpp"
#include "bindings/interpreter/object_pool.hpp"
#include "bindings/interpreter/quick_method.hpp"
#include "bindings/interpreter/static_type.hpp"

namespace py = pybind11;

/// The life of a Block: made, adopted, closed, freed, dropped. What can be done with one in
/// between stands in block_methods.cpp.
namespace rheap::bindings {

namespace {

ObjectPool<BlockObject, 256> dead_blocks;

/// The memory goes back to the heap. Throws Damage; the handle is unbound all the same.
void give_back(BlockObject* block) {
  untrace(block);  // while the address is still the block's
  Heap* heap = block->heap;
  block->heap = nullptr;
  heap->free(block->handle);
}

/// As `give_back`, but an error goes to the hook for unraisable errors.
void give_back_quietly(BlockObject* block) {
  try {
    give_back(block);
  } catch (...) {
    PyObject* type = nullptr;  // an exception may be in flight
    PyObject* value = nullptr;
    PyObject* trace = nullptr;
    PyErr_Fetch(&type, &value, &trace);
    set_python_error();
    PyErr_WriteUnraisable(nullptr);
    PyErr_Restore(type, value, trace);
  }
}

/// For the next one; no pin is alive.
[[gnu::always_inline]] inline void keep_dead(BlockObject* block) {
  block->closed = block->heap_closed = block->exposed = block->has_serials = 0;
  dead_blocks.keep(block);
}

[[gnu::noinline]] void drop_unusual_block(BlockObject* block) {
  if (block->weakrefs != nullptr) PyObject_ClearWeakRefs(reinterpret_cast<PyObject*>(block));
  if (block->heap != nullptr) give_back_quietly(block);
  Py_CLEAR(block->allocated_at.code);
  Py_CLEAR(block->closed_at.code);
  block->noted = 0;
  keep_dead(block);
}

void drop_block(PyObject* self) {
  auto* block = reinterpret_cast<BlockObject*>(self);
  const bool plain = block->weakrefs == nullptr && !block->noted && !block->traced;
  if (plain && (block->heap == nullptr || give_back_quickly(block))) [[likely]]
    return keep_dead(block);
  drop_unusual_block(block);
}

constexpr const char* waiting_for_last_reference =
    "lingering: exposed, waiting for the last reference";

const char* open_state(const BlockObject* block) {
  if (block->pins > 0) return "pinned";
  return block->exposed ? "exposed" : "live";
}

PyObject* show_block(PyObject* self) {
  const auto* block = reinterpret_cast<const BlockObject*>(self);
  if (block->heap == nullptr) return PyUnicode_FromString("<rheap.Block, freed>");
  char offset[20];
  PyOS_snprintf(offset, sizeof offset, "+0x%llx",
                static_cast<unsigned long long>(block->handle.payload.value));
  PyObject* state = !block->closed     ? PyUnicode_FromString(open_state(block))
                    : block->pins == 0 ? PyUnicode_FromString(waiting_for_last_reference)
                    : block->pins == 1 ? PyUnicode_FromString("lingering: seen by 1 view")
                                       : PyUnicode_FromFormat("lingering: seen by %u views",
                                                              static_cast<unsigned>(block->pins));
  if (state == nullptr) return nullptr;
  PyObject* text =
      PyUnicode_FromFormat("<rheap.Block of %llu bytes at %s, %U>",
                           static_cast<unsigned long long>(block->handle.bytes), offset, state);
  Py_DECREF(state);
  return text;
}

PyBufferProcs block_buffer = {get_block_buffer, release_buffer};

PyTypeObject make_block_type() {
  PyTypeObject type = static_type("rheap.Block", sizeof(BlockObject));
  type.tp_doc =
      "Memory of a Heap, given back when a `with` ends, by `free()` or with the last reference.\n\n"
      "Made by `Heap.alloc`, speaks the buffer protocol (writable, bytes), and can be indexed and\n"
      "sliced: `block[0:5] = b'hello'`, `block[0:5]` copies out. `bytes(block)`, `block.hex()`,\n"
      "`b'll' in block`, iteration and `block == b'hello'` read it without exposing it; for all\n"
      "else that bytes have there is `block.view()`. Two Blocks are equal only if they are the\n"
      "same; to compare what is in them, write `one == other.view()`.";
  type.tp_weaklistoffset = offsetof(BlockObject, weakrefs);
  type.tp_dealloc = drop_block;
  type.tp_repr = show_block;
  type.tp_richcompare = compare_block;
  type.tp_hash = PyBaseObject_Type.tp_hash;  // which comparing would else turn off
  type.tp_iter = PySeqIter_New;
  type.tp_as_buffer = &block_buffer;
  type.tp_as_sequence = &block_sequence;
  type.tp_as_mapping = &block_mapping;
  type.tp_methods = block_methods;
  type.tp_getset = block_properties;
  return type;
}

}  // namespace

PyTypeObject BlockType = make_block_type();

BlockObject* new_block() { return dead_blocks.make_untold(&BlockType); }

void adopt(BlockObject* block, Heap* heap) {
  block->heap = heap;
  if (trace(block)) [[unlikely]]
    dead_blocks.tell(block);
}

void note_allocation(BlockObject* block) {
  block->noted = 1;
  block->allocated_at = innermost_site();
}

bool refuse_closed(BlockObject* block, const char* verb) {
  if (block->heap_closed) {
    set_closed(verb);
  } else {
    set_freed(verb, site_text(block->allocated_at), site_text(block->closed_at));
  }
  return false;
}

bool refuse_excluded(BlockObject* block) {
  return translated([&] { block->heap->refuse_excluded(); });
}

bool unseen(BlockObject* block, Py_ssize_t own) {
  if (block->pins > 0) return false;
  return !block->exposed || exposure::all_references_named(reinterpret_cast<PyObject*>(block), own);
}

bool close_block(BlockObject* block, Py_ssize_t own) {
  // On a debug heap. Before the block is closed: to find the line may run Python code.
  if (!block->closed && block->heap->debug()) [[unlikely]] {
    const Site site = innermost_site();
    if (block->closed) {
      Py_XDECREF(site.code);
      return true;
    }
    block->closed_at = site;
  }
  if (block->closed) return true;
  block->closed = 1;
  if (unseen(block, own)) return translated([&] { give_back(block); });
  if (block->heap->debug()) warn_of_lingering(block);
  return true;
}

namespace {

bool free_open_block(BlockObject* block, Py_ssize_t own) {
  if (block->pins > 0) {
    set_pinned("free", block->handle.payload.value, block->pins);
    return false;
  }
  // A block that turns out to be damaged stays open, so that what is in it can be saved.
  const bool sound = translated([&] {
    patiently(block, [&] {
      if (!block->closed) block->heap->verify(block->handle);
    });
  });
  return sound && close_block(block, own);
}

}  // namespace

PyObject* free_block(BlockObject* block, Py_ssize_t own) {
  if (!block->closed && !free_open_block(block, own)) return nullptr;
  return PyBool_FromLong(block->heap == nullptr ? 1 : 0);
}

void close_with_heap(BlockObject* block) {
  if (block->closed) return;
  block->closed = block->heap_closed = 1;
  if (block->pins > 0 || block->exposed) return;
  // Damage is not reported, since the heap goes. To make an exception would also run Python code,
  // which could drop other blocks that the heap is about to close.
  try {
    give_back(block);
  } catch (const Damage&) {
  }
}

void unpin(BlockObject* block) {
  --block->pins;
  if (block->pins == 0 && block->closed && !block->exposed) give_back_quietly(block);
}

void register_block(py::module_& module) {
  if (PyType_Ready(&BlockType) < 0 ||
      !add_quick_methods(&BlockType, quick_block_methods, quick_block_method_count)) {
    throw py::error_already_set();
  }
  module.add_object("Block", reinterpret_cast<PyObject*>(&BlockType));
}

}  // namespace rheap::bindings
