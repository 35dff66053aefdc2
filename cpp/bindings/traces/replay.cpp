#include "bindings/traces/replay.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <vector>

#include "bindings/heap/policies.hpp"
#include "bindings/interpreter/errors.hpp"
#include "bindings/interpreter/gil.hpp"
#include "bindings/reports/free_space.hpp"
#include "bindings/reports/rows.hpp"
#include "bindings/traces/chooser.hpp"
#include "replay/inspection.hpp"
#include "replay/narration.hpp"
#include "replay/stopwatch.hpp"
#include "replay/timeline.hpp"
#include "replay/trace_columns.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

using replay::HeapTarget;
using replay::Inspection;
using replay::MallocTarget;
using replay::Narration;
using replay::Stopwatch;
using replay::Timeline;
using replay::Varints;
using trace::Trace;

using Clock = std::chrono::steady_clock;

/// Ten times a second: handles signals, and calls `tell`, if there is one, with the operations
/// done.
replay::Pulse make_pulse(const py::function* tell = nullptr) {
  return [tell, last = Clock::now()](std::size_t done) mutable {
    if (Clock::now() - last < std::chrono::milliseconds(100)) return;
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (tell != nullptr) (*tell)(done);
    last = Clock::now();
  };
}

template <typename Target>
std::uint64_t run(Stopwatch<Target>& watch) {
  std::uint64_t nanoseconds = 0;
  without_gil([&] { nanoseconds = watch.run(make_pulse()); });
  return nanoseconds;
}

/// The nanoseconds that 99.9 % of the operations do not exceed, and those of the longest.
template <typename Target>
std::pair<std::uint32_t, std::uint32_t> latency(Stopwatch<Target>& watch, unsigned replays) {
  std::vector<std::uint32_t> least;
  without_gil([&] {
    least = watch.least(replays, make_pulse());
    std::sort(least.begin(), least.end());
  });
  return {least[least.size() - 1 - least.size() / 1000], least.back()};
}

template <typename Target, typename Class>
void add_watch(Class& watch_class) {
  watch_class.def("run", &run<Target>).def("latency", &latency<Target>);
}

Allocator::Options options_of(std::uint64_t capacity, bool immediate) {
  return {.capacity = align_down(capacity, 8),
          .coalesce = immediate ? Coalesce::immediate : Coalesce::deferred};
}

/// The options of a policy, which is a name or a function; `chooser` will call the function.
Allocator::Options options_for(std::uint64_t capacity, bool immediate, const py::object& policy,
                               std::unique_ptr<PythonChooser>& chooser) {
  Allocator::Options options = options_of(capacity, immediate);
  if (py::isinstance<py::str>(policy)) {
    options.policy = policy_named(policy.cast<std::string>());
  } else {
    chooser = std::make_unique<PythonChooser>(policy);
    options.policy = Policy::chosen;
    options.chooser = chooser.get();
  }
  return options;
}

std::unique_ptr<Stopwatch<HeapTarget>> watch_heap(const Trace& trace, std::uint64_t capacity,
                                                  bool immediate, std::string_view policy) {
  Allocator::Options options = options_of(capacity, immediate);
  options.policy = policy_named(policy);
  return std::make_unique<Stopwatch<HeapTarget>>(trace, options);
}

/// An inspection, and the Python policy that it asks, if any.
struct Inspector {
  const Trace& trace;
  std::unique_ptr<PythonChooser> chooser;
  Inspection inspection;
};

/// `policy` is a name, or a function.
std::unique_ptr<Inspector> inspect(const Trace& trace, std::uint64_t capacity, bool immediate,
                                   const py::object& policy) {
  std::unique_ptr<PythonChooser> chooser;
  const Allocator::Options options = options_for(capacity, immediate, policy, chooser);
  return std::unique_ptr<Inspector>(
      new Inspector{trace, std::move(chooser), Inspection(trace, options)});
}

/// Does `work`; a wrong choice becomes an error that names the operation.
template <typename Work>
void with_chooser(const Inspector& inspector, Work&& work) {
  try {
    work();
  } catch (const WrongChoice& wrong) {
    const std::size_t operation = inspector.inspection.position();
    set_wrong_choice(inspector.trace.source(), inspector.trace.line_of(operation), operation,
                     wrong.size, inspector.chooser->answer().ptr());
    throw py::error_already_set();
  }
}

std::optional<std::uint64_t> step(Inspector& inspector) {
  if (inspector.inspection.done()) throw py::index_error("the trace is at its end");
  std::optional<Offset> place;
  with_chooser(inspector, [&] { place = inspector.inspection.step(); });
  return place ? std::optional(place->value) : std::nullopt;
}

/// (from, to, bytes) of each block that the last operation moved: payloads, and the word counts.
py::list moved(const Inspector& inspector) {
  py::list list;
  for (const auto& [slot, from] : inspector.inspection.moved()) {
    const Handle& block = inspector.inspection.block(slot);
    list.append(py::make_tuple(from.value, block.payload.value, block.usable + word_bytes));
  }
  return list;
}

/// Plays the rest, then verifies everything.
void finish(Inspector& inspector, const py::function& tell) {
  const replay::Pulse pulse = make_pulse(&tell);
  Inspection& inspection = inspector.inspection;
  with_chooser(inspector, [&] {
    without_gil([&] {
      while (!inspection.done()) {
        inspection.step();
        pulse(inspection.position());
      }
      inspection.verify();
    });
  });
}

py::dict space_of(const FreeSpaces& space) {
  py::dict figures;
  tell_space(figures, space, word_bytes);
  return figures;
}

py::dict figures(const Inspector& inspector) {
  const Inspection::RunFigures found = inspector.inspection.figures();
  py::dict result;
  result["requests"] = found.requests;
  result["failed"] = found.failed;
  result["peak_live_bytes"] = found.peak_live_bytes;
  result["peak_block_bytes"] = found.peak_block_bytes;
  result["extent"] = found.extent;
  result["visited"] = found.visited;
  result["visited_most"] = found.visited_most;
  result["work_most"] = found.work_most;
  result["at_peak"] = space_of(found.at_peak);
  result["at_end"] = space_of(found.at_end);
  return result;
}

/// The figures of this moment, by the names of HeapStats.
py::dict region(const Inspector& inspector) {
  const Allocator& allocator = inspector.inspection.allocator();
  const Counters& count = allocator.counters();
  py::dict result = space_of(inspector.inspection.free_space());
  result["capacity"] = allocator.region().capacity();
  result["live_bytes"] = count.live.bytes;
  result["live_blocks"] = count.live.blocks;
  result["free_bytes"] = count.free.bytes + count.deferred.bytes;
  result["free_blocks"] = count.free.blocks + count.deferred.blocks;
  result["wilderness_bytes"] = allocator.region().end() - allocator.blocks().wilderness();
  return result;
}

/// Each block in address order.
Rows rows(const Inspector& inspector) {
  Rows rows;
  inspector.inspection.allocator().blocks().walk(
      [&](Offset block, Word word) { rows.add(payload_of(block), word); });
  return rows;
}

/// Plays the trace and notes what happens, for `narration`, too, if there is one.
std::unique_ptr<Timeline> play_timeline(Inspector& inspector, std::size_t columns,
                                        const py::function& tell, Narration* narration) {
  if (columns < 1 || columns > inspector.trace.operations().size()) {
    throw py::value_error("a timeline has from one column to one an operation");
  }
  if (inspector.inspection.position() != 0) {
    throw py::value_error("a timeline is of a run from its first operation on");
  }
  const replay::Pulse pulse = make_pulse(&tell);
  std::unique_ptr<Timeline> made;
  with_chooser(inspector, [&] {
    without_gil([&] {
      made = std::make_unique<Timeline>(inspector.inspection, columns, pulse, narration);
    });
  });
  return made;
}

std::unique_ptr<Timeline> timeline(Inspector& inspector, std::size_t columns,
                                   const py::function& tell) {
  return play_timeline(inspector, columns, tell, nullptr);
}

/// Columns of numbers by their names.
py::dict as_bytes(std::initializer_list<std::pair<const char*, const Varints*>> columns) {
  py::dict result;
  for (const auto& [name, column] : columns) result[name] = py::bytes(column->bytes());
  return result;
}

/// The timeline, and beside it what each operation changed: columns of bytes by their names, see
/// RunColumns.
py::tuple narrate(Inspector& inspector, std::size_t columns, bool with_lists,
                  const py::function& tell) {
  Narration narration(inspector.inspection, with_lists);
  auto played = play_timeline(inspector, columns, tell, &narration);
  const replay::RunColumns& run = narration.columns();
  return py::make_tuple(std::move(played), as_bytes({{"births", &run.births},
                                                     {"places", &run.places},
                                                     {"sizes", &run.sizes},
                                                     {"states", &run.states},
                                                     {"largest", &run.largest},
                                                     {"refused", &run.refused},
                                                     {"splices", &run.splices}}));
}

/// The operations of a trace, see TraceColumns.
py::dict trace_columns(const Trace& trace) {
  const replay::TraceColumns columns(trace);
  return as_bytes({{"kinds", &columns.kinds},
                   {"blocks", &columns.blocks},
                   {"bytes", &columns.bytes},
                   {"times", &columns.times},
                   {"threads", &columns.threads},
                   {"sites", &columns.sites}});
}

/// The least bytes of a block in each list that `narrate` tells of.
py::list list_sizes() {
  py::list sizes;
  for (std::size_t list = 0; list < replay::ListWatch::lists; ++list) {
    sizes.append(replay::ListWatch::least_size(list));
  }
  return sizes;
}

/// By the name of each quantity its (least, most, last) in each column.
py::dict curves(const Timeline& timeline) {
  using replay::Column;
  using replay::QuantityRange;
  const std::initializer_list<std::pair<const char*, QuantityRange Column::*>> quantities = {
      {"live", &Column::live},
      {"free", &Column::free},
      {"extent", &Column::extent},
      {"fragmentation", &Column::fragmentation},
      {"utilisation", &Column::utilisation}};
  py::dict result;
  for (const auto& [name, quantity] : quantities) {
    py::list list;
    for (const Column& column : timeline.columns()) {
      const QuantityRange& range = column.*quantity;
      list.append(py::make_tuple(range.least, range.most, range.last));
    }
    result[name] = list;
  }
  return result;
}

/// (born, died, offset, size, asked, moved_from, moved_to) of each block; offsets are its payload's
/// in the region.
py::list bands(const Timeline& timeline) {
  const auto payload = [](std::uint64_t offset) { return payload_of(first_block + offset).value; };
  const auto payload_if = [&](std::optional<std::uint64_t> offset) {
    return offset ? std::optional(payload(*offset)) : std::nullopt;
  };
  py::list list;
  for (const auto& [born, died, offset, size, asked, from, to] : timeline.bands()) {
    list.append(
        py::make_tuple(born, died, payload(offset), size, asked, payload_if(from), payload_if(to)));
  }
  return list;
}

py::bytes raster(const Timeline& timeline, std::size_t rows, std::uint64_t extent) {
  if (rows < 1 || extent < 1) throw py::value_error("a raster has rows, and bytes that they share");
  std::vector<std::uint8_t> cells;
  without_gil([&] { cells = timeline.raster(rows, extent); });
  return {reinterpret_cast<const char*>(cells.data()), cells.size()};
}

}  // namespace

void register_replay(py::module_& module) {
  py::class_<Stopwatch<HeapTarget>> heap_watch(module, "HeapWatch", "Times a trace on a heap.");
  heap_watch.def(py::init(&watch_heap), py::keep_alive<1, 2>());
  add_watch<HeapTarget>(heap_watch);

  py::class_<Stopwatch<MallocTarget>> malloc_watch(module, "MallocWatch",
                                                   "Times a trace on this process's malloc.");
  malloc_watch.def(py::init<const Trace&>(), py::keep_alive<1, 2>());
  add_watch<MallocTarget>(malloc_watch);

  py::class_<Inspector>(module, "Inspection", "Plays a trace on a heap step by step.")
      .def(py::init(&inspect), py::keep_alive<1, 2>())
      .def("step", &step)
      .def("moved", &moved)
      .def("finish", &finish)
      .def("timeline", &timeline)
      .def("narrate", &narrate)
      .def("figures", &figures)
      .def("region", &region)
      .def("rows", &rows)
      .def_property_readonly(
          "position", [](const Inspector& inspector) { return inspector.inspection.position(); });

  py::class_<Timeline>(module, "Timeline", "The history of the blocks of a run.")
      .def("curves", &curves)
      .def("bands", &bands)
      .def("raster", &raster);

  module.def("trace_columns", &trace_columns);
  module.def("list_sizes", &list_sizes);
  module.attr("QUICK_LISTS") = quick_lists;
  module.def("malloc_library", &MallocTarget::library);
}

}  // namespace rheap::bindings
