#pragma once

#include <Python.h>

/// The rule of exposed blocks.
///
/// `block.view()` is tracked exactly. Whoever takes the Block itself, by any buffer request, may
/// keep its address and release the request, and nothing tells. But then it keeps a reference to
/// the Block as well, or the address would dangle with every owner of memory. So from then on the
/// block is exposed: who closes it gets the memory back at once only if each reference to the Block
/// is the closing call's own or a name in the function that makes the call; otherwise the memory
/// returns with the last reference.
///
/// Too few names found only delay the return of memory. One too many would free it under somebody's
/// array. So a name is only what is certain to be one: a variable of the nearest frame, a cell that
/// this frame made (what closes over it has the same cell, and would count it again), an entry of
/// the namespace of a module or class if that is an exact dict. What is kept in an attribute, a
/// container or another mapping is no name: consumers written in Python keep the Block there, too.
namespace rheap::bindings::exposure {

/// Whether each reference to `object` is one of the call's own or a name in the running function.
/// Reads the frame and leaves it as it is.
bool all_references_named(PyObject* object, Py_ssize_t own);

/// Whether these arguments lie on the stack of the running function, which then has a reference to
/// each of them for this call. (The arguments of `f(*tuple)` lie in the tuple, whose they are.)
bool on_stack_of_caller(PyObject* const* arguments);

}  // namespace rheap::bindings::exposure
