#include "bindings/heap/heap.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "bindings/heap/block.hpp"
#include "bindings/heap/classes.hpp"
#include "bindings/heap/compacting.hpp"
#include "bindings/heap/heap_methods.hpp"
#include "bindings/heap/patience.hpp"
#include "bindings/heap/policies.hpp"
#include "bindings/heap/self.hpp"
#include "bindings/heap/tracing.hpp"
#include "bindings/interpreter/errors.hpp"
#include "bindings/interpreter/gil.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

/// The Python Heap owns the core's; the core's may live longer, with its last block.
struct Disown {
  void operator()(Heap* heap) const { heap->disown(); }
};
using OwnedHeap = std::unique_ptr<Heap, Disown>;

template <auto method>
std::uint64_t count_without_gil(Heap& heap) {
  std::uint64_t counted = 0;
  without_gil([&] { counted = patiently(heap, [&] { return (heap.*method)(); }); });
  return counted;
}

void check_heap(Heap& heap) {
  without_gil([&] { patiently(heap, [&] { heap.check(); }); });
}

// All but `check`, `defrag` and `trim` are called with the GIL.
#ifdef Py_GIL_DISABLED
constexpr bool gil_makes_turns = false;
#else
constexpr bool gil_makes_turns = true;
#endif

OwnedHeap open_heap(std::uint64_t capacity, bool prefault, bool immediate, std::string_view policy,
                    bool debug, bool auto_compact) {
  const Heap::Options options{.capacity = capacity,
                              .coalesce = immediate ? Coalesce::immediate : Coalesce::deferred,
                              .policy = policy_named(policy),
                              .debug = debug,
                              .prefault = prefault,
                              .callers_take_turns = gil_makes_turns,
                              .owners = &block_owners(),
                              .auto_compact = auto_compact};
  Heap* heap = nullptr;
  without_gil([&] { heap = Heap::open(options); });
  return OwnedHeap(heap);
}

OwnedHeap open_shared_heap(std::uint64_t capacity, std::uint64_t objects, bool debug) {
  const Heap::Options options{
      .capacity = capacity, .debug = debug, .callers_take_turns = gil_makes_turns};
  Heap* heap = nullptr;
  without_gil([&] { heap = Heap::open_shared(options, objects); });
  return OwnedHeap(heap);
}

/// The descriptor is the heap's from here on; if this fails, it is still the caller's.
OwnedHeap attach_heap(int descriptor) {
  for (Patience patience;;) {
    try {
      return OwnedHeap(Heap::attach(descriptor, gil_makes_turns));
    } catch (const Contended&) {
      patience.wait();
    }
  }
}

int descriptor_of(Heap& heap) { return heap.descriptor(); }
bool is_observed(const Heap& heap) { return heap.observer() != nullptr; }

/// Closes every block too; those that nobody can see give their memory back now.
void close_heap(Heap& heap) {
  std::vector<BlockObject*> blocks;
  heap.for_each_handle([&](Handle& handle) { blocks.push_back(block_of_handle(handle)); });
  heap.close();
  // All blocks are still there: the GIL was held throughout, and closing them runs no Python code.
  for (BlockObject* block : blocks) close_with_heap(block);
}

// The docstrings of the public methods and properties. Each includes its signature, since
// pybind11's own shows `self` as an argument of type `object`. (`self` lacks the usual $: in a
// function of pybind11 `inspect` would take it as bound.)

constexpr const char* close_words =
    "close(self, /)\n--\n\n"
    "Ends the heap and closes all of its blocks.\n\n"
    "The memory of the blocks returns now; that of a block which a view still sees, and that of "
    "an\n"
    "exposed one which somebody still refers to, with the last of them. Afterwards all that needs\n"
    "the region raises HeapClosed. To close a closed heap does nothing.\n\n"
    ">>> heap = Heap('1 MiB')\n"
    ">>> heap.close()\n"
    ">>> heap.closed\n"
    "True";
constexpr const char* defrag_words =
    "defrag(self, /)\n--\n\n"
    "Merges all freed blocks with their freed neighbours; no live block moves.\n\n"
    "Returns the number of merges; joining the wilderness is one. Raises HeapClosed, and\n"
    "HeapCorruption when the region is damaged.\n\n"
    ">>> heap = Heap('1 MiB')\n"
    ">>> blocks = [heap.alloc(100) for _ in range(3)]\n"
    ">>> blocks.clear()\n"
    ">>> heap.defrag(), heap.defrag()\n"
    "(3, 0)";
constexpr const char* trim_words =
    "trim(self, /)\n--\n\n"
    "Does what `defrag()` does, then gives the free pages back to the system.\n\n"
    "Returns how many bytes of them were in memory. Raises HeapClosed, and HeapCorruption when "
    "the\n"
    "region is damaged.\n\n"
    ">>> heap = Heap('4 MiB')\n"
    ">>> heap.alloc('1 MiB', zero=True).free()\n"
    "True\n"
    ">>> heap.trim() % 4096\n"
    "0";
constexpr const char* check_words =
    "check(self, /)\n--\n\n"
    "Verifies every word, list, counter and fence of the region; returns None.\n\n"
    "Raises HeapClosed, and HeapCorruption that names the first thing which is wrong.\n\n"
    ">>> Heap('1 MiB').check()";
constexpr const char* capacity_words =
    "Bytes that blocks may take, an 8-byte word for each included; a multiple of 8.\n\n"
    ">>> Heap('1 MiB').capacity\n"
    "1048576";
constexpr const char* closed_words = "Whether `close()` was called: a closed heap gives no blocks.";
constexpr const char* debug_words =
    "Whether the heap fills and fences its blocks and knows the lines that allocated them.";

void define_heap(py::class_<Heap, OwnedHeap>& heap_class) {
  py::options options;  // as long as it lives
  options.disable_function_signatures();
  heap_class.def(py::init(&open_heap))
      .def(py::init(&open_shared_heap))
      .def(py::init(&attach_heap))
      .def("close", &close_heap, close_words)
      .def("_close_if_unused", &Heap::close_if_unused)
      .def("defrag", refused_as("defrag", &count_without_gil<&Heap::defrag>), defrag_words)
      .def("trim", refused_as("trim", &count_without_gil<&Heap::trim>), trim_words)
      .def("check", refused_as("check", &check_heap), check_words)
      .def_property_readonly("capacity", &Heap::capacity, capacity_words)
      .def_property_readonly("closed", &Heap::closed, closed_words)
      .def_property_readonly("debug", &Heap::debug, debug_words)
      .def_property_readonly("_observed", &is_observed)
      .def_property_readonly("_id", &Heap::id)
      .def_property_readonly("_descriptor", refused_as("give its descriptor", &descriptor_of))
      .def_property_readonly("_bound_blocks", &Heap::bound_blocks);
}

}  // namespace

void register_heap(py::module_& module) {
  py::class_<Heap, OwnedHeap> heap_class(module, "Heap", "One region and the blocks in it.",
                                         py::metaclass(public_metaclass()));
  define_heap(heap_class);
  add_heap_methods(heap_class);
  module.def(
      "with_own_methods",
      [heap_class](py::object derived) {
        if (PyObject_IsSubclass(derived.ptr(), heap_class.ptr()) != 1) {
          throw py::type_error("with_own_methods takes a class derived from Heap");
        }
        add_heap_methods(derived);
        return derived;
      },
      "A class decorator: gives a class derived from Heap its own `alloc` and `free`, which are\n"
      "called without a look at its bases.");
  module.def("make_r_free", &make_r_free);
  module.def("compact", refused_as("compact", &compact));
  module.def("compact_when", refused_as("set compact_when", &compact_when));
  module.def("compaction_terms", &compaction_terms);
  module.attr("TRACEMALLOC_DOMAIN") = tracemalloc_domain;
  module.attr("FIRST_BLOCK") = first_block.value;
  module.attr("WORD_BYTES") = word_bytes;
  py::list names;
  for (const char* name : policy_names) names.append(name);
  module.attr("POLICIES") = py::tuple(names);
  module.attr("CAPACITY_LIMIT") = capacity_limit;
  module.attr("SMALLEST_CAPACITY") = Heap::smallest_capacity;

  // Verifies that self.hpp still knows how pybind11 lays out its objects.
  OwnedHeap probe = open_heap(Heap::smallest_capacity, false, false, policy_names[0], false, false);
  Heap* expected = probe.get();
  const py::object object = py::cast(std::move(probe));
  if (heap_of(object.ptr()) != expected) {
    throw py::import_error("this pybind11 lays its objects out in a way that rheap does not know");
  }
}

}  // namespace rheap::bindings
