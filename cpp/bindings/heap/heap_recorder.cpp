#include "bindings/heap/heap_recorder.hpp"

#include <string>

#include "bindings/heap/recording_summary.hpp"
#include "bindings/heap/self.hpp"
#include "bindings/heap/site.hpp"
#include "bindings/interpreter/gil.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

using trace::Recording;
using Sites = trace::TraceWriter::Sites;

/// The only kind of observer that a Heap of Python's has.
class HeapRecorder final : public Observer {
 public:
  HeapRecorder(Heap& heap, int descriptor, bool sites)
      : heap_(heap), recording_(descriptor, sites ? Sites::each : Sites::none) {
    if (!heap.observe(*this)) throw std::runtime_error("the heap is being recorded already");
  }
  ~HeapRecorder() { stop(); }
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
    handle.seen_as = recording_.allocated(handle.bytes, site_);
  }
  void resized(Handle& handle, std::uint64_t bytes) noexcept override {
    if (handle.seen_as == 0) return allocated(handle);
    if (!recording_.failed()) recording_.resized(handle.seen_as, bytes, handle.bytes, site_);
  }
  void released(Handle& handle) noexcept override {
    if (recording_.failed()) return;
    if (handle.seen_as == 0) return recording_.freed_older();
    recording_.freed(handle.seen_as, handle.bytes);
    handle.seen_as = 0;
  }
  void forked() noexcept override {
    stopped_ = true;
    recording_.abandon();
  }

  [[nodiscard]] bool sites() const { return recording_.writer().sites(); }
  /// The site of the next request. The GIL is held from here until that request is recorded.
  void note_site(std::string site) { site_ = std::move(site); }
  [[nodiscard]] const Recording& recording() const { return recording_; }

 private:
  Heap& heap_;
  Recording recording_;
  std::string site_;
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
  std::string site = request_site();
  // Finding the site may have run Python code, which may have ended the recording.
  HeapRecorder* recorder = recorder_of(heap);
  if (recorder != nullptr) recorder->note_site(std::move(site));
}

void register_heap_recorder(py::module_& module) {
  py::class_<HeapRecorder>(module, "HeapRecorder", "Records one heap's operations until `stop()`.")
      .def(py::init<Heap&, int, bool>(), py::keep_alive<1, 2>())
      .def("stop", &stop_recorder);
}

}  // namespace rheap::bindings
