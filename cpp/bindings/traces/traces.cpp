#include <pybind11/stl.h>

#include <cstring>

#include "bindings/interpreter/errors.hpp"
#include "bindings/interpreter/gil.hpp"
#include "bindings/traces/replay.hpp"
#include "trace/parse.hpp"
#include "trace/site_share.hpp"
#include "trace/trace.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

using trace::Parser;
using trace::Trace;

void feed(Parser& parser, const py::bytes& part) {
  const std::string_view text = part;
  without_gil([&] { parser.feed(text); });
}

void write(const Trace& trace, const py::function& write_part) {
  trace::Writer writer(trace);
  for (std::string part = writer.next(); !part.empty(); part = writer.next()) {
    write_part(py::bytes(part));
  }
}

std::uint64_t line_of(const Trace& trace, std::size_t operation) {
  if (operation >= trace.operations().size()) throw py::index_error("no such operation");
  return trace.line_of(operation);
}

/// Numbers as they lie in memory, 8 or 4 bytes each; None when the trace does not tell them.
template <typename Number, typename Each>
py::object column(bool told, const Trace& trace, Each&& each) {
  if (!told) return py::none();
  py::bytes numbers(nullptr, trace.operations().size() * sizeof(Number));
  char* to = PyBytes_AS_STRING(numbers.ptr());
  each([to](std::size_t operation, Number number) {
    std::memcpy(to + operation * sizeof(Number), &number, sizeof(Number));
  });
  return numbers;
}

py::object times(const Trace& trace) {
  return column<std::uint64_t>(trace.has_times(), trace, [&](auto take) { trace.each_time(take); });
}
py::object threads(const Trace& trace) {
  return column<std::uint32_t>(trace.has_threads(), trace,
                               [&](auto take) { trace.each_thread(take); });
}
py::object sites(const Trace& trace) {
  return column<std::uint32_t>(trace.has_sites(), trace, [&](auto take) { trace.each_site(take); });
}

/// Rows of a place in `site_names`, bytes and blocks.
py::list shares_after(const Trace& trace, std::size_t operations) {
  py::list rows;
  for (const trace::SiteShare& share : trace::shares_after(trace, operations)) {
    rows.append(py::make_tuple(share.site, share.bytes, share.blocks));
  }
  return rows;
}

py::tuple site_names(const Trace& trace) { return py::tuple(py::cast(trace.sites())); }

}  // namespace

void register_traces(py::module_& module) {
  py::class_<Trace>(module, "Trace", "The operations of a program, read from text.")
      .def("__len__", [](const Trace& trace) { return trace.operations().size(); })
      .def("line", &line_of)
      .def("write", &write)
      .def("times", &times)
      .def("threads", &threads)
      .def("sites", &sites)
      .def("shares_after", &shares_after)
      .def_property_readonly("site_names", &site_names)
      .def_property_readonly("source", &Trace::source)
      .def_property_readonly("torn_line", &Trace::torn_line)
      .def_property_readonly("allocations", &Trace::allocations)
      .def_property_readonly("compactions", &Trace::compactions)
      .def_property_readonly("peak_bytes", [](const Trace& trace) { return trace.demand().bytes; })
      .def_property_readonly("peak_operation",
                             [](const Trace& trace) { return trace.demand().operation; })
      .def_property_readonly("peak_block_bytes",
                             [](const Trace& trace) { return trace.demand().block_bytes; });
  py::class_<Parser>(module, "TraceParser", "Reads a trace from text that comes in parts.")
      .def(py::init<std::string>())
      .def("feed", &feed)
      .def("finish", &Parser::finish)
      .def_property_readonly("source", &Parser::source)
      .def_property_readonly("lines", &Parser::lines);
}

}  // namespace rheap::bindings
