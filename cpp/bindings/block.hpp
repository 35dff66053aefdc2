#pragma once

#include <pybind11/pybind11.h>

#include <type_traits>

#include "../core/heap.hpp"

namespace rheap::bindings {

// No function here that may run Python code or wait for the GIL is noexcept: while the interpreter
// exits, Python up to 3.13 ends a thread that asks for the GIL by unwinding its stack.

/// The Python object that owns a block. It has slots of its own instead of being a py::class_,
/// because allocating and dropping one is what people pay for.
///
///   live ──close──► closed ──nobody can see it──► freed
///
/// Live: the block can be used. Closed: it cannot, but somebody may still look at its memory
/// (`lingering`). Freed: the memory is back with the heap and `heap` is null.
///
/// The fields are guarded by the GIL; the handle's links by the heap's lock.
struct BlockObject {
  PyObject_HEAD PyObject* weakrefs;
  Heap* heap;  ///< counted as its handle is: the heap outlives every bound handle
  Handle handle;
  std::uint32_t pins;                    ///< Pins alive: somebody holds a view, or had one
  std::uint32_t closed : 1;              ///< no new views, no access
  std::uint32_t heap_closed : 1;         ///< it was the heap that closed it
  std::uint32_t exposed : 1;          ///< somebody asked who may have kept the address
  std::uint32_t entered_exposed : 1;  ///< so it was when the last `with` was entered
  std::uint32_t address_known : 1;       ///< `address` was read
  std::uint32_t traced : 1;              ///< tracemalloc knows of it
  PyObject* entered_by;                  ///< the code that entered it last
  PyObject* site_code;                   ///< where it was allocated, on debug heaps
  int site_line;
};

static_assert(std::is_standard_layout_v<BlockObject>);

inline BlockObject* block_of_handle(Handle& handle) {
  return reinterpret_cast<BlockObject*>(reinterpret_cast<char*>(&handle) -
                                        offsetof(BlockObject, handle));
}

extern PyTypeObject BlockType;
inline bool is_block(PyObject* object) { return Py_TYPE(object) == &BlockType; }

/// A call that closes a block. Each accounts for some references to it: those of the call itself
/// and of the one name that the form of the call implies. They are counted when the package is
/// imported (see doors.hpp); more references than that may be an array's that kept the address.
///
/// A call of `__exit__` is the end of a `with ... as name` only when the code that entered makes
/// it and the address was not handed out before; otherwise (ExitStack, say) no name is implied.
enum class Door { leave_with, call_exit, block_free, heap_free, heap_close };

void register_block(pybind11::module_& module);

/// An object that is bound to no block yet, all its own fields zero. nullptr with a Python error.
BlockObject* new_block();
/// After `Heap::alloc` bound its handle.
void adopt(BlockObject* block, Heap* heap);

/// Sets an error and returns false unless the block can be used.
bool usable(BlockObject* block, const char* verb);
/// Closes the handle; the memory returns as soon as nothing can see it. Returns false with a
/// Python error only when the region turns out to be damaged.
bool close_block(BlockObject* block, Door door);
/// As `close_block`, but refuses what is pinned or damaged, and then changes nothing.
bool free_block(BlockObject* block, Door door);
/// A Pin of the block died.
void unpin(BlockObject* block);

inline void* address_of(const BlockObject* block) { return block->heap->address(block->handle); }

}  // namespace rheap::bindings
