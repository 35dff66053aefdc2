#include "bindings/heap/heap_recorder.hpp"

#include <optional>
#include <utility>

#include "bindings/heap/recording_summary.hpp"
#include "bindings/heap/self.hpp"
#include "bindings/heap/site.hpp"
#include "bindings/interpreter/gil.hpp"
#include "bindings/interpreter/site_numbers.hpp"
#include "core/system/refused.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

using trace::Recording;
using Times = trace::TraceWriter::Times;

/// The only kind of observer that a Heap of Python's has.
class HeapRecorder final : public Observer {
 public:
  HeapRecorder(Heap& heap, int descriptor, bool times, bool sites)
      : heap_(heap), recording_(descriptor, times ? Times::each : Times::none) {
    if (sites) sites_.emplace();
    if (!heap.observe(*this)) throw std::runtime_error("the heap is being recorded already");
  }
  ~HeapRecorder() {
    stop();
    Py_XDECREF(site_.code);
  }
  HeapRecorder(const HeapRecorder&) = delete;
  HeapRecorder& operator=(const HeapRecorder&) = delete;

  void stop() {
    if (stopped_) return;
    stopped_ = true;
    heap_.end_observation(*this);
    recording_.finish();  // nobody else comes here any more
  }

  void allocated(Handle& handle) noexcept override {
    if (recording_.failed()) return;
    handle.seen_as = recording_.allocated(handle.bytes, origin());
  }
  void resized(Handle& handle, std::uint64_t bytes) noexcept override {
    if (handle.seen_as == 0) return allocated(handle);
    if (!recording_.failed()) recording_.resized(handle.seen_as, bytes, handle.bytes, origin());
  }
  void released(Handle& handle) noexcept override {
    if (recording_.failed()) return;
    if (handle.seen_as == 0) return recording_.freed_older();
    recording_.freed(handle.seen_as, handle.bytes);
    handle.seen_as = 0;
  }
  /// No replay has the same time: a pass that time bounded is written with what it moved.
  void compacted(const CompactionBounds& bounds,
                 const CompactionFigures& figures) noexcept override {
    if (recording_.failed()) return;
    if (bounds.are_none()) return recording_.compacted({});
    const bool timed = bounds.microseconds != CompactionBounds::none;
    recording_.compacted(std::min(timed ? figures.moved.bytes : bounds.bytes, capacity_limit));
  }
  void forked() noexcept override {
    stopped_ = true;
    recording_.abandon();
  }

  [[nodiscard]] bool sites() const { return sites_.has_value(); }
  /// The site of the next request, a reference. The GIL is held from here until that request is
  /// recorded.
  void note_site(const Site& site) {
    const Site before = std::exchange(site_, site);
    Py_XDECREF(before.code);
  }
  [[nodiscard]] const Recording& recording() const { return recording_; }

 private:
  trace::Origin origin() noexcept {
    if (!sites_) return {};
    try {
      return sites_->of_line(reinterpret_cast<PyCodeObject*>(site_.code), site_.line);
    } catch (const SystemRefused& refused) {
      recording_.fail(refused.code);
      return {};
    }
  }

  Heap& heap_;
  Recording recording_;
  std::optional<SiteNumbers> sites_;
  Site site_{nullptr, 0};
  bool stopped_ = false;
};

HeapRecorder* recorder_of(const Heap* heap) { return static_cast<HeapRecorder*>(heap->observer()); }

py::dict stop_recorder(HeapRecorder& recorder) {
  without_gil([&] { recorder.stop(); });
  return figures_of(recorder.recording());
}

}  // namespace

void note_request_of_recorded(Heap* heap) {
  if (!recorder_of(heap)->sites()) return;
  const Site site = innermost_site();
  // Finding the site may have run Python code, which may have ended the recording.
  HeapRecorder* recorder = recorder_of(heap);
  if (recorder != nullptr) {
    recorder->note_site(site);
  } else {
    Py_XDECREF(site.code);
  }
}

void register_heap_recorder(py::module_& module) {
  py::class_<HeapRecorder>(module, "HeapRecorder", "Records one heap's operations until `stop()`.")
      .def(py::init<Heap&, int, bool, bool>(), py::keep_alive<1, 2>())
      .def("stop", &stop_recorder);
}

}  // namespace rheap::bindings
