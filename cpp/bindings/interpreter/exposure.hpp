#pragma once

#include <Python.h>

/// The rule of exposed blocks.
///
/// `block.view()` is tracked exactly. A consumer that takes the Block itself, by any buffer
/// request, may keep its address and release the request, and nobody can tell. But it then keeps a
/// reference to the Block, as it must with every owner of memory. So from then on the block is
/// exposed. When it is closed, its memory returns at once only if each reference to the Block is
/// the closing call's own or a name in the function that makes the call. Otherwise the memory
/// returns with the last reference.
///
/// To count too few names only delays the return of memory. To count one too many would free it
/// under somebody's array. So only what is certain to be a name counts: a variable of the nearest
/// frame, a cell that this frame made (what closes over it has the same cell, and would count it
/// again), an entry of the namespace of a module or class if that is an exact dict. What is kept in
/// an attribute, a container or another mapping is no name: consumers written in Python keep the
/// Block there, too. From 3.14 on a variable may borrow the reference of the caller's variable that
/// it got its value from; it has none of its own then, and is not counted. Where frames are not
/// read (without the GIL), the memory always waits for the last reference.
namespace rheap::bindings::exposure {

/// Whether each reference to `object` is one of the call's own or a name in the running function.
/// Reads the frame and leaves it as it is.
bool all_references_named(PyObject* object, Py_ssize_t own);

/// How many references to the first of these arguments are this call's own: those that the running
/// function has on its stack for it. (The arguments of `f(*tuple)` lie in the tuple, whose they
/// are.)
Py_ssize_t references_of_call(PyObject* const* arguments, Py_ssize_t count);

}  // namespace rheap::bindings::exposure
