#include "bindings/interpreter/numpy.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace rheap::bindings::numpy {

namespace {

/// Places in NumPy's table. They have stayed the same since NumPy 1.7.
enum Place : std::size_t {
  binary_version = 0,     // PyArray_GetNDArrayCVersion
  array_type = 2,         // PyArray_Type
  dtype_type = 3,         // PyArrayDescr_Type
  new_array = 94,         // PyArray_NewFromDescr
  feature_version = 211,  // PyArray_GetNDArrayCFeatureVersion
  set_base = 282,         // PyArray_SetBaseObject
};

constexpr unsigned known_binaries[] = {0x0100'0009, 0x0200'0000};  // NumPy 1 and 2
constexpr unsigned oldest_features = 7;                            // with PyArray_SetBaseObject

/// Flags of an array: in C order, aligned, writable.
constexpr int c_order = 0x1;
constexpr int aligned = 0x100;
constexpr int writable = 0x400;

/// The fields that NumPy publishes, the same in NumPy 1 and 2.
struct Fields {
  PyObject_HEAD char* memory;
  int count;
  Py_ssize_t* dimensions;
  Py_ssize_t* strides;
  PyObject* base;
  PyObject* dtype;
  int flags;
};

using Version = unsigned (*)();
using NewArray = PyObject* (*)(PyTypeObject*, PyObject*, int, const Py_ssize_t*, const Py_ssize_t*,
                               void*, int, PyObject*);
using SetBase = int (*)(PyObject*, PyObject*);

struct Interface {
  PyTypeObject* array;
  NewArray make;
  SetBase set_base;
};
Interface interface{};

template <typename Function>
Function function_at(void** table, Place place) {
  return reinterpret_cast<Function>(table[place]);
}

bool is_known(void** table) {
  const unsigned binary = function_at<Version>(table, binary_version)();
  bool known = false;
  for (const unsigned each : known_binaries) known |= binary == each;
  return known && function_at<Version>(table, feature_version)() >= oldest_features;
}

/// Few programs use more dtypes in turn. Each has one place; the last to come has it.
std::array<Kind, 32> kinds{};

Kind& place_of(PyObject* argument) {
  return kinds[(reinterpret_cast<std::uintptr_t>(argument) >> 4) % kinds.size()];
}

}  // namespace

bool use_interface(PyObject* capsule, PyObject* array, PyObject* dtype) {
  if (!PyCapsule_IsValid(capsule, nullptr)) return false;
  auto** table = static_cast<void**>(PyCapsule_GetPointer(capsule, nullptr));
  if (!is_known(table) || table[array_type] != array || table[dtype_type] != dtype) return false;
  interface = {reinterpret_cast<PyTypeObject*>(array), function_at<NewArray>(table, new_array),
               function_at<SetBase>(table, set_base)};
  return true;
}

void remember_kind(const Kind& kind) {
  if (interface.make == nullptr) return;
  Kind& place = place_of(kind.argument);
  const Kind old = place;
  place = kind;
  Py_INCREF(kind.argument);  // so that no other object gets its address
  Py_INCREF(kind.dtype);
  Py_XDECREF(old.argument);  // last: it may run Python code
  Py_XDECREF(old.dtype);
}

const Kind* kind_of(PyObject* argument) {
  const Kind& place = place_of(argument);
  return place.argument == argument ? &place : nullptr;
}

PyObject* array_in(void* memory, PyObject* owner, const Layout& layout) {
  // With strides NumPy looks itself for what order and alignment they make.
  const int order = layout.strides == nullptr ? c_order | aligned : 0;
  const int flags = order | (layout.writable ? writable : 0);
  // NumPy steals the dtype, and the owner; both also when it fails.
  PyObject* array =
      interface.make(interface.array, Py_NewRef(layout.dtype), static_cast<int>(layout.count),
                     layout.dimensions, layout.strides, memory, flags, nullptr);
  if (array == nullptr) {
    Py_DECREF(owner);
    return nullptr;
  }
  if (interface.set_base(array, owner) < 0) {
    Py_DECREF(array);
    return nullptr;
  }
  return array;
}

bool read_array(PyObject* object, Array& array) {
  if (interface.array == nullptr || Py_TYPE(object) != interface.array) return false;
  const auto* fields = reinterpret_cast<const Fields*>(object);
  array = {fields->memory,
           fields->base,
           {fields->dtype, fields->count, fields->dimensions, fields->strides,
            (fields->flags & writable) != 0}};
  return true;
}

namespace {

/// A program uses few dtypes, and there are not many of plain numbers.
std::vector<Text>& texts() {
  static auto* all = new std::vector<Text>();
  return *all;
}

}  // namespace

void remember_text(PyObject* dtype, std::uint64_t item_bytes, PyObject* text) {
  constexpr std::size_t most = 64;
  if (interface.make == nullptr) return;
  if (texts().size() == most || text_of(dtype) != nullptr) return;
  const std::string_view letters(PyBytes_AS_STRING(text),
                                 static_cast<std::size_t>(PyBytes_GET_SIZE(text)));
  texts().push_back({Py_NewRef(dtype), item_bytes, letters});
  Py_INCREF(text);  // for good, as the dtype
}

const Text* text_of(PyObject* dtype) {
  const auto found = std::ranges::find(texts(), dtype, &Text::dtype);
  return found == texts().end() ? nullptr : &*found;
}

const Text* dtype_of(std::string_view text) {
  const auto found = std::ranges::find(texts(), text, &Text::text);
  return found == texts().end() ? nullptr : &*found;
}

}  // namespace rheap::bindings::numpy
