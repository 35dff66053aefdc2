#pragma once

#include <pybind11/pybind11.h>

#include <span>

#include "bindings/heap/block.hpp"

namespace rheap::bindings {

/// Puts methods on a class as plain method descriptors, past pybind11's dispatcher.
void add_methods(const pybind11::object& owner, std::span<PyMethodDef> added);
/// Puts the methods whose speed matters on a class, Heap or derived from it, as plain method
/// descriptors. A descriptor of the object's very own class is called without a look at its bases.
void add_heap_methods(const pybind11::object& heap_class);

/// Reads an alignment in bytes. Returns false with a Python error.
bool parse_align(PyObject* value, std::uint64_t& align);

/// A new Block of the heap that will be pinned as long as it lives; `align` is a power of two from
/// 8 to `largest_align`. nullptr with a Python error.
BlockObject* allocate_to_stay(Heap* heap, std::uint64_t bytes, std::uint64_t align, bool zero);

/// `r_free`, a function of this module that frees blocks of the heap which `default_heap` returns.
/// It is compiled because the rule of exposed blocks looks at the names of the calling function: a
/// Python function of ours would stand in between.
pybind11::object make_r_free(const pybind11::function& default_heap, const pybind11::str& module);

}  // namespace rheap::bindings
