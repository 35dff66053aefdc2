#pragma once

#include <string>

#include "bindings/heap/block.hpp"

/// Where a block was allocated and closed, on debug heaps and in recordings.
namespace rheap::bindings {

/// The innermost Python line outside this package. May run Python code.
Site innermost_site();
/// "file.py:12 function", for people: a name that cannot be printed is escaped. Empty where the
/// line is not known.
std::string site_text(const Site& site);
/// A LingeringWarning that a closed block's memory waits. Where warnings are errors it goes to
/// sys.unraisablehook: the block is closed, and leaving a `with` never fails for it.
void warn_of_lingering(BlockObject* block);

}  // namespace rheap::bindings
