#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/heap/array_method.hpp"
#include "bindings/heap/block.hpp"
#include "bindings/heap/block_methods.hpp"
#include "bindings/heap/classes.hpp"
#include "bindings/heap/heap.hpp"
#include "bindings/heap/heap_recorder.hpp"
#include "bindings/heap/pin.hpp"
#include "bindings/heap/sharing.hpp"
#include "bindings/interpreter/arguments.hpp"
#include "bindings/interpreter/errors.hpp"
#include "bindings/interpreter/frame.hpp"
#include "bindings/reports/reports.hpp"
#include "bindings/traces/interpreter_recorder.hpp"
#include "bindings/traces/replay.hpp"

// Blocks are kept for reuse and exceptions are remembered per process, so one interpreter only,
// and with its GIL.
PYBIND11_MODULE(_core, module, pybind11::multiple_interpreters::not_supported()) {
  module.attr("__version__") = RHEAP_VERSION;
  module.doc() = "The compiled part of rheap. Import rheap instead.";
  rheap::bindings::compare_frames();
  rheap::bindings::register_errors(module);
  rheap::bindings::register_sizes(module);
  rheap::bindings::register_pin(module);
  rheap::bindings::register_block(module);
  rheap::bindings::register_block_html(module);
  rheap::bindings::register_arrays(module);
  rheap::bindings::register_heap(module);
  rheap::bindings::register_sharing(module);
  rheap::bindings::register_reports(module);
  rheap::bindings::register_traces(module);
  rheap::bindings::register_replay(module);
  rheap::bindings::register_heap_recorder(module);
  rheap::bindings::register_interpreter_recorder(module);
  rheap::bindings::guard_classes(module);
}
