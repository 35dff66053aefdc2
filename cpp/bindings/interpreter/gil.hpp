#pragma once

#include <Python.h>

#include <exception>

namespace rheap::bindings {

/// Runs `work`, which may take long, while other threads run. (A thread that uses the same
/// heap meanwhile waits for the heap's lock.)
template <typename Work>
void without_gil(Work&& work) {
  PyThreadState* state = PyEval_SaveThread();
  try {
    work();
  } catch (const std::exception&) {
    PyEval_RestoreThread(state);
    throw;
  }
  PyEval_RestoreThread(state);  // not in a destructor: it may unwind the stack, see block.hpp
}

}  // namespace rheap::bindings
