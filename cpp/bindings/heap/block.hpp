#pragma once

#include <pybind11/pybind11.h>

#include <type_traits>

#include "core/heap/heap.hpp"

namespace rheap::bindings {

// No function here that may run Python code or wait for the GIL is noexcept: while the interpreter
// exits, Python up to 3.13 ends a thread that asks for the GIL by unwinding its stack.

/// A line of Python code; `code` is a reference, or null where the line is not known.
struct Site {
  PyObject* code;
  int line;
};

/// The Python object that owns a block. It has slots of its own instead of being a py::class_,
/// because most of a user's time goes into allocating and dropping one.
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
  std::uint32_t pins;             ///< Pins alive: somebody holds a view, or had one
  std::uint32_t closed : 1;       ///< no new views, no access
  std::uint32_t heap_closed : 1;  ///< it was the heap that closed it
  std::uint32_t exposed : 1;      ///< who took the Block itself may have kept its address
  std::uint32_t traced : 1;       ///< tracemalloc knows of it
  std::uint32_t noted : 1;        ///< it has sites
  std::uint32_t has_serials : 1;  ///< the two below are of this block, not of the last one
  Site allocated_at;              ///< on debug heaps
  Site closed_at;                 ///< on debug heaps, when it was closed by itself
  std::uint64_t claimed_with;     ///< in a shared heap: the serial of the ticket, or 0
  std::uint64_t published_with;   ///< of the ticket when this Block was last published, or 0
};

static_assert(std::is_standard_layout_v<BlockObject>);

inline BlockObject* block_of_handle(Handle& handle) {
  return reinterpret_cast<BlockObject*>(reinterpret_cast<char*>(&handle) -
                                        offsetof(BlockObject, handle));
}

extern PyTypeObject BlockType;
inline bool is_block(PyObject* object) { return Py_TYPE(object) == &BlockType; }

void register_block(pybind11::module_& module);

/// An object that is bound to no block yet, all its own fields zero. nullptr with a Python error.
BlockObject* new_block();
/// Completes a Block whose handle `Heap::alloc` has just bound.
void adopt(BlockObject* block, Heap* heap);
/// On a debug heap, after that: notes the line. May run Python code.
void note_allocation(BlockObject* block);

/// The memory of a block that is not traced goes back to the heap when nothing is unusual.
/// Otherwise it returns false and does nothing.
[[gnu::always_inline]] inline bool give_back_quickly(BlockObject* block) {
  if (!block->heap->free_quickly(block->handle)) [[unlikely]]
    return false;
  block->heap = nullptr;
  return true;
}
/// As `close_block`, of one that nobody else can see, when nothing is unusual. Otherwise it returns
/// false and does nothing.
[[gnu::always_inline]] inline bool close_block_quickly(BlockObject* block) {
  const bool plain = !block->closed && !block->exposed && !block->traced && block->pins == 0;
  if (!plain || !give_back_quickly(block)) [[unlikely]]
    return false;
  block->closed = 1;
  return true;
}

/// Sets the error that a closed block cannot be used, and returns false.
bool refuse_closed(BlockObject* block, const char* verb);
/// Sets the error that says why this forked child cannot look at the block, and returns false.
bool refuse_excluded(BlockObject* block);
/// Sets an error and returns false unless the block can be used.
inline bool usable(BlockObject* block, const char* verb) {
  if (block->closed) [[unlikely]]
    return refuse_closed(block, verb);
  return !block->heap->is_excluded() || refuse_excluded(block);
}
/// Whether nobody can see the memory but through the names of the running function. `own`: how
/// many references to the block are those of the call that asks (see exposure.hpp).
bool unseen(BlockObject* block, Py_ssize_t own);
/// Closes the handle; the memory returns as soon as nothing can see it. Returns false with a
/// Python error only when the region turns out to be damaged.
bool close_block(BlockObject* block, Py_ssize_t own);
/// As `close_block`, but refuses what is pinned or damaged, and then changes nothing. Returns
/// whether the memory came back, as a Python bool; nullptr with a Python error.
PyObject* free_block(BlockObject* block, Py_ssize_t own);
/// Closes the block because its heap is closed. Runs no Python code.
void close_with_heap(BlockObject* block);
/// A Pin of the block died.
void unpin(BlockObject* block);

inline void* address_of(const BlockObject* block) { return block->heap->address(block->handle); }

}  // namespace rheap::bindings
