#pragma once

#include <string>

#include "bindings/heap/block.hpp"

/// Where a block was allocated, on debug heaps and in recordings.
namespace rheap::bindings {

/// Keeps the innermost Python line outside this package.
void note_site(BlockObject* block);
/// "file.py:12 function", for people: a name that cannot be printed is escaped.
std::string site_text(PyObject* code, int line);
/// "file.py:12 function" of the line that runs now, the names as they are; or an empty string.
std::string request_site();
/// A ResourceWarning that a closed block's memory is still seen. Where warnings are errors it goes
/// to sys.unraisablehook: leaving a `with` never fails for it.
void warn_of_lingering(BlockObject* block);

}  // namespace rheap::bindings
