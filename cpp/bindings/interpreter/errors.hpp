#pragma once

#include <pybind11/pybind11.h>

#include <utility>

#include "core/region/errors.hpp"

/// Turns C++ exceptions into the package's Python exceptions. These are Python classes, which write
/// their own messages; the package passes them to this module once, when it is imported.
namespace rheap::bindings {

void register_errors(pybind11::module_& module);

/// Inside a catch block: sets the Python error for whatever is being handled; `verb` is what a
/// closed heap did not do.
void set_python_error(const char* verb = "use it");

// Each sets a Python error.
/// `holders` is a tuple of (site or None, bytes, blocks, lingering).
void set_exhausted(const Exhausted& exhausted, PyObject* holders, PyObject* walls);
/// The lines as `site_text` has them.
void set_freed(const char* verb, const std::string& allocated, const std::string& freed);
void set_closed(const char* verb);
void set_pinned(const char* verb, std::uint64_t offset, unsigned holders);
void set_foreign(std::uint64_t offset);
/// `answer` is what the policy answered when it was asked for a hole of `size` bytes.
void set_wrong_choice(const std::string& source, std::uint64_t line, std::uint64_t operation,
                      std::uint64_t size, PyObject* answer);

/// A LingeringWarning for the running line. Python also shows where `source` was allocated, if
/// tracemalloc knows; else it is None. Returns false with a Python error where warnings are errors.
bool warn_lingering(const std::string& text, PyObject* source);

/// Runs `work` and turns what it throws into a Python error; `verb` is what a closed heap did not
/// do. Returns whether it threw nothing.
template <typename Work>
bool translated(const char* verb, Work&& work) {
  try {
    work();
    return true;
  } catch (...) {
    set_python_error(verb);
    return false;
  }
}
template <typename Work>
bool translated(Work&& work) {
  return translated("use it", work);
}

/// A function for pybind11 whose error on a closed heap says what was refused.
template <typename Result, typename... Arguments>
auto refused_as(const char* verb, Result (*function)(Arguments...)) {
  return [verb, function](Arguments... arguments) -> Result {
    try {
      return function(std::forward<Arguments>(arguments)...);
    } catch (const Closed&) {
      set_closed(verb);
      throw pybind11::error_already_set();
    }
  };
}

}  // namespace rheap::bindings
