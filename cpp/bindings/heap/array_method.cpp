#include "bindings/heap/array_method.hpp"

#include <cstdint>

#include "bindings/heap/heap_methods.hpp"
#include "bindings/heap/pin.hpp"
#include "bindings/heap/self.hpp"
#include "bindings/interpreter/arguments.hpp"
#include "bindings/interpreter/numpy.hpp"
#include "core/region/layout.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

PyObject* array_maker = nullptr;  // makes all arrays that are not made here; kept for good

struct Shape {
  Py_ssize_t dimensions[numpy::most_dimensions];
  Py_ssize_t count;
};

/// Reads an int as it is, and is false for whatever else there is and for a negative one.
bool read_dimension(PyObject* value, Py_ssize_t& dimension) {
  std::uint64_t number = 0;
  if (!parse_small(value, number)) return false;
  dimension = static_cast<Py_ssize_t>(number);
  return true;
}

bool read_shape(PyObject* value, Shape& shape) {
  if (!PyTuple_CheckExact(value)) {
    shape.count = 1;
    return read_dimension(value, shape.dimensions[0]);
  }
  shape.count = PyTuple_GET_SIZE(value);
  if (shape.count > numpy::most_dimensions) return false;
  for (Py_ssize_t i = 0; i < shape.count; ++i) {
    if (!read_dimension(PyTuple_GET_ITEM(value, i), shape.dimensions[i])) return false;
  }
  return true;
}

/// False for an array that no heap has room for, even if one of its dimensions is 0.
bool bytes_of(const Shape& shape, std::uint64_t item_bytes, std::uint64_t& bytes) {
  std::uint64_t most = item_bytes;
  bytes = item_bytes;
  for (Py_ssize_t i = 0; i < shape.count; ++i) {
    const auto dimension = static_cast<std::uint64_t>(shape.dimensions[i]);
    bytes *= dimension;
    if (dimension > 0 && __builtin_mul_overflow(most, dimension, &most)) return false;
  }
  return most <= capacity_limit;
}

PyObject* make_array(Heap* heap, const Shape& shape, PyObject* dtype, std::uint64_t bytes,
                     std::uint64_t align, bool zero) {
  BlockObject* block = allocate_to_stay(heap, bytes, align, zero);
  if (block == nullptr) return nullptr;
  PyObject* pin = pin_of(block);
  void* memory = address_of(block);  // which stays, now
  Py_DECREF(block);
  // The array keeps the Pin, and that keeps the block.
  return pin == nullptr ? nullptr
                        : numpy::array_in(memory, pin, {dtype, shape.count, shape.dimensions});
}

/// `found`: the shape, dtype, zero and align, null where they were not given.
PyObject* array_from(const char* name, PyObject* self, PyObject* const* found) {
  if (found[0] == nullptr) return PyErr_Format(PyExc_TypeError, "%s() needs a shape", name);
  PyObject* argument = found[1] != nullptr ? found[1] : reinterpret_cast<PyObject*>(&PyFloat_Type);
  const int zero = found[2] == nullptr ? 0 : PyObject_IsTrue(found[2]);
  if (zero < 0) return nullptr;
  std::uint64_t align = 64;  // a cache line, and the widest vector register
  if (found[3] != nullptr && !parse_align(found[3], align)) return nullptr;
  Heap* heap = heap_of(self);
  if (heap == nullptr) return nullptr;
  Shape shape;
  std::uint64_t bytes = 0;
  const numpy::Kind* kind = numpy::kind_of(argument);
  if (kind == nullptr || !read_shape(found[0], shape) ||
      !bytes_of(shape, kind->item_bytes, bytes)) {
    return PyObject_CallFunction(array_maker, "OOOiK", self, found[0], argument, zero,
                                 static_cast<unsigned long long>(align));
  }
  PyObject* dtype = Py_NewRef(kind->dtype);  // what follows may run Python code
  PyObject* made = make_array(heap, shape, dtype, bytes, align, zero != 0);
  Py_DECREF(dtype);
  return made;
}

PyObject* array(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* found[4] = {nullptr, nullptr, nullptr, nullptr};
  constexpr const char* known[4] = {"shape", "dtype", "zero", "align"};
  if (!take_arguments("array", args, count, names, known, 4, 2, found)) return nullptr;
  return array_from("array", self, found);
}

PyObject* zeros(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* given[3] = {nullptr, nullptr, nullptr};
  constexpr const char* known[3] = {"shape", "dtype", "align"};
  if (!take_arguments("zeros", args, count, names, known, 3, 2, given)) return nullptr;
  PyObject* const found[4] = {given[0], given[1], Py_True, given[2]};
  return array_from("zeros", self, found);
}

}  // namespace

PyMethodDef array_method = {
    "array", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(array)),
    METH_FASTCALL | METH_KEYWORDS,
    "array($self, shape, dtype='float64', *, zero=False, align=64)\n--\n\n"
    "A NumPy array in a block of this heap; the memory returns with its last view.\n\n"
    "`shape`: items per dimension. `dtype`: anything that NumPy takes except Python objects.\n"
    "`zero`: all bytes are 0, otherwise they may hold anything. `align`: of the first item in "
    "bytes,\n"
    "a power of two up to 2 MiB; files that are opened with O_DIRECT want 512 or 4096. Raises "
    "what\n"
    "`alloc` raises, `ImportError` without NumPy, `TypeError` for a dtype that holds Python "
    "objects."};

PyMethodDef zeros_method = {
    "zeros", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(zeros)),
    METH_FASTCALL | METH_KEYWORDS,
    "zeros($self, shape, dtype='float64', *, align=64)\n--\n\n"
    "A NumPy array of zeros in a block of this heap, as `numpy.zeros` makes one.\n\n"
    "`align`, and what is raised: as of `array`."};

void register_arrays(py::module_& module) {
  module.def(
      "alloc_to_stay",
      [](const pybind11::object& heap, const pybind11::object& size, std::uint64_t align,
         bool zero) {
        std::uint64_t bytes = 0;
        Heap* const core = parse_size(size.ptr(), "size", bytes) ? heap_of(heap.ptr()) : nullptr;
        BlockObject* block = core == nullptr ? nullptr : allocate_to_stay(core, bytes, align, zero);
        if (block == nullptr) throw pybind11::error_already_set();
        return pybind11::reinterpret_steal<pybind11::object>(reinterpret_cast<PyObject*>(block));
      },
      "As `heap.alloc`, for a block that will be pinned as long as it lives.");
  module.def(
      "use_array_maker", [](const py::object& function) { array_maker = function.inc_ref().ptr(); },
      "Takes the function that makes the arrays which are not made here.");
  module.def(
      "use_numpy",
      [](const py::object& capsule, const py::object& array_class, const py::object& dtype_class) {
        return numpy::use_interface(capsule.ptr(), array_class.ptr(), dtype_class.ptr());
      },
      "Whether arrays can be made here, by NumPy's C interface; its classes are to prove it.");
  module.def(
      "remember_dtype",
      [](const py::object& argument, const py::object& dtype, std::uint64_t item_bytes) {
        numpy::remember_kind({argument.ptr(), dtype.ptr(), item_bytes});
      },
      "From now on that very argument stands for that dtype, of so many bytes an item.");
}

}  // namespace rheap::bindings
