#pragma once

#include <string>

#include "block.hpp"

/// Where a block was allocated, on debug heaps and in recordings.
namespace rheap::bindings {

/// Keeps the innermost Python line outside this package.
void note_site(BlockObject* block);
/// "file.py:12 function".
std::string site_text(PyObject* code, int line);
/// "file.py:12", or an empty string. A new reference, or nullptr with a Python error.
PyObject* site_of(const BlockObject* block);
/// "file.py:12 function" of the line that runs now, or an empty string.
std::string request_site();
/// A ResourceWarning that a closed block's memory is still seen. Where warnings are errors it goes
/// to sys.unraisablehook: leaving a `with` never fails for it.
void warn_of_lingering(BlockObject* block);

}  // namespace rheap::bindings
