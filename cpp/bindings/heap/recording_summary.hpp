#pragma once

#include <pybind11/pybind11.h>

#include "trace/recording.hpp"

namespace rheap::bindings {

/// The fields of the package's RecordingSummary; `error` is an errno or 0.
inline pybind11::dict figures_of(const trace::Recording& recording) {
  pybind11::dict figures;
  figures["operations"] = recording.figures().operations;
  figures["threads"] = recording.writer().threads();
  figures["peak_bytes"] = recording.figures().peak_bytes;
  figures["dropped_frees"] = recording.figures().dropped_frees;
  figures["error"] = recording.writer().error();
  return figures;
}

}  // namespace rheap::bindings
