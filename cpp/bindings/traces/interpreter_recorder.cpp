#include "bindings/traces/interpreter_recorder.hpp"

#include <memory>

#include "bindings/heap/recording_summary.hpp"
#include "bindings/interpreter/frame.hpp"
#include "bindings/interpreter/gil.hpp"
#include "bindings/interpreter/site_numbers.hpp"
#include "trace/process_recorder.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

using trace::ProcessRecorder;

ProcessRecorder* recorder = nullptr;  // set before the first hook

/// Whether this thread is in a hook. The domains build upon each other (a large object is raw
/// memory), and only the outermost call is the program's.
[[gnu::tls_model("initial-exec")]] constinit thread_local bool inside = false;
/// Whether this thread came to a hook since it was cleared.
[[gnu::tls_model("initial-exec")]] constinit thread_local bool reached = false;

class Outermost {
 public:
  Outermost() : records_(!inside && recorder->active()) {
    reached = true;
    if (records_) inside = true;
  }
  ~Outermost() {
    if (records_) inside = false;
  }
  Outermost(const Outermost&) = delete;
  Outermost& operator=(const Outermost&) = delete;
  explicit operator bool() const { return records_; }

 private:
  bool records_;
};

/// The hooks before the allocator of one domain. Blocks are plain blocks of that allocator, so
/// hooks can come and go at any time. They use the same context as the allocator: functions and
/// context are set one by one, so a thread without the GIL may see the functions of one and the
/// context of the other.
template <PyMemAllocatorDomain domain>
class Hooks {
 public:
  static void install() {
    if (installed_) return;
    PyMem_GetAllocator(domain, &under_);
    PyMemAllocatorEx hooks{under_.ctx, malloc, calloc, realloc, free};
    PyMem_SetAllocator(domain, &hooks);
    installed_ = true;
  }
  /// If others (tracemalloc, say) have put hooks before ours, ours stay, and do nothing until the
  /// next recording. Returns false when others were put in the place of ours, which then saw
  /// nothing.
  static bool remove() {
    PyMemAllocatorEx current;
    PyMem_GetAllocator(domain, &current);
    const bool in_place = is_reached(current);
    if (current.malloc == malloc) PyMem_SetAllocator(domain, &under_);
    installed_ = in_place && current.malloc != malloc;
    return in_place;
  }

 private:
  /// A request that is not recorded says whether requests come to us.
  static bool is_reached(const PyMemAllocatorEx& current) {
    reached = false;
    inside = true;
    current.free(current.ctx, current.malloc(current.ctx, 1));
    inside = false;
    return reached;
  }
  static void* noted(void* block, std::size_t bytes) {
    if (block != nullptr) recorder->allocated(block, bytes);
    return block;
  }
  static void* malloc(void* context, std::size_t bytes) {
    const Outermost outermost;
    void* block = under_.malloc(context, bytes);
    return outermost ? noted(block, bytes) : block;
  }
  static void* calloc(void* context, std::size_t count, std::size_t bytes) {
    const Outermost outermost;
    void* block = under_.calloc(context, count, bytes);
    return outermost ? noted(block, count * bytes) : block;
  }
  static void* realloc(void* context, void* block, std::size_t bytes) {
    const Outermost outermost;
    if (!outermost) return under_.realloc(context, block, bytes);
    if (block == nullptr) return noted(under_.realloc(context, nullptr, bytes), bytes);
    const ProcessRecorder::Withdrawn withdrawn = recorder->withdraw(block);
    void* moved = under_.realloc(context, block, bytes);
    if (moved != nullptr) {
      recorder->resized(withdrawn, moved, bytes);
    } else {
      recorder->kept(withdrawn);
    }
    return moved;
  }
  static void free(void* context, void* block) {
    const Outermost outermost;
    if (outermost && block != nullptr) recorder->freed(block);
    under_.free(context, block);
  }

  inline static PyMemAllocatorEx under_{};
  inline static bool installed_ = false;
};

using RawHooks = Hooks<PYMEM_DOMAIN_RAW>;
using MemHooks = Hooks<PYMEM_DOMAIN_MEM>;
using ObjectHooks = Hooks<PYMEM_DOMAIN_OBJ>;

ProcessRecorder::FindOrigin origins_of_callers() {
  if (!frames_fit) {
    throw std::runtime_error(
        "this Python does not tell which line asks for memory: it has no GIL, "
        "or lays its frames out in a way that is not known");
  }
  static_cast<void>(caller());  // what it makes the first time is not made in a hook
  return [sites = std::make_shared<SiteNumbers>()] { return sites->of(caller()); };
}

void start_recording(int file, bool with_times, bool with_sites) {
  if (recorder == nullptr) {
    recorder = &ProcessRecorder::get();
    Py_AtExit([] { recorder->stop(); });  // if nothing stopped it before
  }
  const auto times = with_times ? trace::TraceWriter::Times::each : trace::TraceWriter::Times::none;
  if (!recorder->start(file, times, with_sites ? origins_of_callers() : nullptr)) {
    throw std::runtime_error("the interpreter is being recorded already");
  }
  RawHooks::install();
  MemHooks::install();
  ObjectHooks::install();
}

py::dict stop_recording() {
  if (recorder == nullptr || recorder->last() == nullptr) {
    throw std::runtime_error("the interpreter was never recorded");
  }
  const bool in_place = RawHooks::remove() & MemHooks::remove() & ObjectHooks::remove();
  without_gil([] { recorder->stop(); });
  py::dict figures = figures_of(*recorder->last());
  figures["unhooked"] = !in_place;
  return figures;
}

}  // namespace

void register_interpreter_recorder(py::module_& module) {
  module.attr("KNOWS_LINES") = frames_fit;
  module.def("start_recording", &start_recording,
             "Records the interpreter's allocations to an open file, which is closed in the end.");
  module.def(
      "stop_recording", &stop_recording,
      "Ends the recording; returns its figures. `unhooked`: in the end it saw nothing more.");
}

}  // namespace rheap::bindings
