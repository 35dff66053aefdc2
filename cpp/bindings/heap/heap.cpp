#include "bindings/heap/heap.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "bindings/heap/block.hpp"
#include "bindings/heap/heap_methods.hpp"
#include "bindings/heap/policies.hpp"
#include "bindings/heap/self.hpp"
#include "bindings/heap/tracing.hpp"
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
  without_gil([&] { counted = (heap.*method)(); });
  return counted;
}

void check_heap(Heap& heap) {
  without_gil([&] { heap.check(); });
}

// All but `check`, `defrag` and `trim` are called with the GIL.
#ifdef Py_GIL_DISABLED
constexpr bool gil_makes_turns = false;
#else
constexpr bool gil_makes_turns = true;
#endif

OwnedHeap open_heap(std::uint64_t capacity, bool prefault, bool immediate, std::string_view policy,
                    bool debug) {
  const Heap::Options options{.capacity = capacity,
                              .coalesce = immediate ? Coalesce::immediate : Coalesce::deferred,
                              .policy = policy_named(policy),
                              .debug = debug,
                              .prefault = prefault,
                              .callers_take_turns = gil_makes_turns};
  Heap* heap = nullptr;
  without_gil([&] { heap = Heap::open(options); });
  return OwnedHeap(heap);
}

bool is_observed(const Heap& heap) { return heap.observer() != nullptr; }

/// Closes every block too; those that nobody can see give their memory back now.
void close_heap(Heap& heap) {
  std::vector<BlockObject*> blocks;
  heap.for_each_handle([&](Handle& handle) { blocks.push_back(block_of_handle(handle)); });
  heap.close();
  // The lock is free again, the GIL was never given away, and to close them runs no Python code:
  // the blocks are all still there.
  for (BlockObject* block : blocks) close_with_heap(block);
}

}  // namespace

void register_heap(py::module_& module) {
  py::class_<Heap, OwnedHeap> heap_class(module, "Heap", "One region and the blocks in it.");
  heap_class.def(py::init(&open_heap))
      .def("close", &close_heap)
      .def("_close_if_unused", &Heap::close_if_unused)
      .def("defrag", &count_without_gil<&Heap::defrag>)
      .def("trim", &count_without_gil<&Heap::trim>)
      .def("check", &check_heap)
      .def_property_readonly("capacity", &Heap::capacity)
      .def_property_readonly("closed", &Heap::closed)
      .def_property_readonly("debug", &Heap::debug)
      .def_property_readonly("_observed", &is_observed)
      .def_property_readonly("_bound_blocks", &Heap::bound_blocks);
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
  module.attr("TRACEMALLOC_DOMAIN") = tracemalloc_domain;
  module.attr("FIRST_BLOCK") = first_block.value;
  module.attr("WORD_BYTES") = word_bytes;
  py::list names;
  for (const char* name : policy_names) names.append(name);
  module.attr("POLICIES") = py::tuple(names);
  module.attr("CAPACITY_LIMIT") = capacity_limit;
  module.attr("SMALLEST_CAPACITY") = Heap::smallest_capacity;

  // Does self.hpp still know how pybind11 lays its objects out?
  OwnedHeap probe = open_heap(Heap::smallest_capacity, false, false, policy_names[0], false);
  Heap* expected = probe.get();
  const py::object object = py::cast(std::move(probe));
  if (heap_of(object.ptr()) != expected) {
    throw py::import_error("this pybind11 lays its objects out in a way that rheap does not know");
  }
}

}  // namespace rheap::bindings
