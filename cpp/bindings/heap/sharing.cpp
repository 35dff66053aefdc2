#include "bindings/heap/sharing.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "bindings/heap/block.hpp"
#include "bindings/heap/heap_methods.hpp"
#include "bindings/heap/patience.hpp"
#include "bindings/heap/pin.hpp"
#include "bindings/heap/self.hpp"
#include "bindings/interpreter/errors.hpp"
#include "bindings/interpreter/gil.hpp"
#include "bindings/interpreter/numpy.hpp"
#include "core/heap/heap.hpp"

namespace py = pybind11;

namespace rheap::bindings {

namespace {

PyObject* ticket_maker = nullptr;  // make and redeem all tickets that are not made here; kept
PyObject* ticket_taker = nullptr;

BlockObject* as_block(const py::object& object) {
  if (!is_block(object.ptr())) throw py::type_error("not a Block");
  return reinterpret_cast<BlockObject*>(object.ptr());
}

/// A ticket as it travels, with the heap that it is for.
struct Wire {
  std::uint64_t heap;
  Ticket ticket;
};

/// How an array lies in its block, behind the ticket. Shape, strides and the dtype's text follow.
struct [[gnu::packed]] WireLayout {
  std::uint8_t flags;
  std::uint8_t dimensions;
  std::uint32_t text_bytes;
  std::int64_t offset;

  static constexpr std::uint8_t read_only = 1;
};

Wire send_block(BlockObject* block) {
  Wire wire{};
  patiently(block, [&] {
    // A closed one that is still seen can be sent: by an array in it.
    if (block->heap == nullptr) {
      refuse_closed(block, "send");
      throw py::error_already_set();
    }
    wire = {block->heap->id(), block->heap->send(block->handle)};
  });
  return wire;
}

py::bytes send(const py::object& object) {
  const Wire wire = send_block(as_block(object));
  return {reinterpret_cast<const char*>(&wire), sizeof wire};
}

/// From here on the block's serials are its own.
BlockObject* with_serials(BlockObject* block) {
  if (!block->has_serials) block->claimed_with = block->published_with = 0;
  block->has_serials = 1;
  return block;
}

py::object claim_block(Heap& heap, const char* data) {
  Wire wire{};
  std::memcpy(&wire, data, sizeof wire);
  if (wire.heap != heap.id()) throw Gone{};
  BlockObject* block = new_block();
  if (block == nullptr) throw py::error_already_set();
  const auto object = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(block));
  patiently(heap, [&] { heap.claim(block->handle, wire.ticket); });
  adopt(block, &heap);
  with_serials(block)->claimed_with = wire.ticket.serial;
  if (heap.debug()) note_allocation(block);
  return object;
}

py::object claim(Heap& heap, const py::bytes& bytes) {
  char* data = nullptr;
  Py_ssize_t length = 0;
  if (PyBytes_AsStringAndSize(bytes.ptr(), &data, &length) < 0) throw py::error_already_set();
  if (length < static_cast<Py_ssize_t>(sizeof(Wire))) {
    throw py::value_error("these " + std::to_string(length) + " bytes are no ticket: too few");
  }
  return claim_block(heap, data);
}

/// The heap of a block that can be used, if it is a shared one: its id. Else 0.
std::uint64_t shared_heap_of(const py::object& object) {
  const BlockObject* block = as_block(object);
  return block->heap != nullptr ? block->heap->id() : 0;
}

/// Where in a block an address is. To ask does not expose it.
std::int64_t offset_in(const py::object& object, std::uint64_t address) {
  const BlockObject* block = as_block(object);
  if (block->heap == nullptr) throw py::value_error("the block was freed");
  return static_cast<std::int64_t>(address - reinterpret_cast<std::uintptr_t>(address_of(block)));
}

/// (pid, since, blocks, bytes, tickets, inherited) of each process.
py::list members(Heap& heap) {
  py::list list;
  for (const Member& member : patiently(heap, [&] { return heap.members(); })) {
    list.append(py::make_tuple(member.pid, static_cast<double>(member.since) / 1e9, member.blocks,
                               member.bytes, member.tickets, member.inherited));
  }
  return list;
}

/// (sender, pid or None, offset, size) of each ticket that nobody claimed, oldest first.
py::list in_flight(Heap& heap) {
  constexpr const char* senders[] = {"alive", "left", "died"};
  py::list list;
  for (const InFlight& flight : patiently(heap, [&] { return heap.in_flight(); })) {
    const py::object pid = flight.pid != 0 ? py::object(py::int_(flight.pid)) : py::none();
    list.append(py::make_tuple(senders[static_cast<std::size_t>(flight.sender)], pid,
                               flight.payload.value, flight.bytes));
  }
  return list;
}

/// The Block in which an array lies, through its bases, or nullptr.
BlockObject* block_behind(PyObject* base) {
  numpy::Array array{};
  while (base != nullptr && numpy::read_array(base, array)) base = array.base;
  const bool pinned = base != nullptr && Py_TYPE(base) == &PinType;
  return pinned ? reinterpret_cast<PinObject*>(base)->block : nullptr;
}

/// A ticket for an array of a dtype that was met before, or a null object.
py::object ticket_of_array(const Heap* heap, PyObject* what) {
  numpy::Array array{};
  if (!numpy::read_array(what, array) || array.layout.count > numpy::most_dimensions) return {};
  const numpy::Text* text = numpy::text_of(array.layout.dtype);
  BlockObject* block = block_behind(array.base);
  if (text == nullptr || block == nullptr || block->heap != heap) return {};
  const auto count = static_cast<std::size_t>(array.layout.count);
  const auto* base = static_cast<const char*>(address_of(block));
  const WireLayout layout{array.layout.writable ? std::uint8_t{0} : WireLayout::read_only,
                          static_cast<std::uint8_t>(count),
                          static_cast<std::uint32_t>(text->text.size()), array.memory - base};
  const std::size_t numbers = count * sizeof(std::int64_t);
  const std::size_t bytes = sizeof(Wire) + sizeof layout + 2 * numbers + text->text.size();
  auto ticket = py::reinterpret_steal<py::object>(
      PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(bytes)));
  if (!ticket) throw py::error_already_set();
  const Wire wire = send_block(block);
  char* at = PyBytes_AS_STRING(ticket.ptr());
  const auto put = [&](const void* from, std::size_t length) {
    if (length == 0) return;  // an array without dimensions has no place for them
    std::memcpy(at, from, length);
    at += length;
  };
  static_assert(sizeof(Py_ssize_t) == sizeof(std::int64_t));
  put(&wire, sizeof wire);
  put(&layout, sizeof layout);
  put(array.layout.dimensions, numbers);
  put(array.layout.strides, numbers);
  put(text->text.data(), text->text.size());
  return ticket;
}

/// Whether an array's items all lie in so many bytes. Whatever the numbers are: nothing overflows.
bool lies_in(std::uint64_t bytes, std::int64_t offset, std::uint64_t item_bytes,
             std::span<const Py_ssize_t> dimensions, std::span<const Py_ssize_t> strides) {
  __extension__ using Wide = __int128;
  const auto most = static_cast<Wide>(bytes);
  if (offset < 0 || offset > most) return false;
  if (std::ranges::any_of(dimensions, [](Py_ssize_t each) { return each < 0; })) return false;
  if (std::ranges::find(dimensions, 0) != dimensions.end()) return true;  // there are no items
  Wide low = offset;
  Wide high = low + static_cast<Wide>(item_bytes);
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    const Wide extent = Wide{dimensions[i] - 1} * strides[i];
    if (extent < -most || extent > most) return false;  // so that no sum of them can wrap
    (extent < 0 ? low : high) += extent;
  }
  return low >= 0 && high <= most;
}

/// The array that a ticket is for, if its dtype was met before, or a null object: nothing is
/// claimed then.
py::object redeem_array(Heap& heap, const char* data, std::size_t length) {
  WireLayout layout{};
  if (length < sizeof(Wire) + sizeof layout) return {};
  std::memcpy(&layout, data + sizeof(Wire), sizeof layout);
  const std::size_t count = layout.dimensions;
  const std::size_t numbers = count * sizeof(std::int64_t);
  const std::size_t before_text = sizeof(Wire) + sizeof layout + 2 * numbers;
  if (count > numpy::most_dimensions || layout.flags > WireLayout::read_only ||
      length != before_text + layout.text_bytes) {
    return {};
  }
  const numpy::Text* text = numpy::dtype_of({data + before_text, layout.text_bytes});
  if (text == nullptr) return {};
  Py_ssize_t dimensions[numpy::most_dimensions];
  Py_ssize_t strides[numpy::most_dimensions];
  std::memcpy(dimensions, data + sizeof(Wire) + sizeof layout, numbers);
  std::memcpy(strides, data + sizeof(Wire) + sizeof layout + numbers, numbers);
  const py::object object = claim_block(heap, data);
  auto* block = reinterpret_cast<BlockObject*>(object.ptr());
  if (!lies_in(block->handle.bytes, layout.offset, text->item_bytes, {dimensions, count},
               {strides, count})) {
    PyErr_Format(PyExc_ValueError,
                 "these %zu bytes are no ticket: its array is not within its block", length);
    throw py::error_already_set();
  }
  PyObject* pin = pin_of(block);
  if (pin == nullptr) throw py::error_already_set();
  PyObject* array = numpy::array_in(
      static_cast<char*>(address_of(block)) + layout.offset, pin,
      {text->dtype, layout.dimensions, dimensions, strides, layout.flags != WireLayout::read_only});
  if (array == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(array);
}

PyObject* ticket(PyObject* self, PyObject* what) {
  Heap* heap = heap_of(self);
  if (heap == nullptr) return nullptr;
  py::object made;
  const bool done = translated("make a ticket", [&] {
    if (heap->closed()) throw Closed{};
    if (!is_block(what)) {
      made = ticket_of_array(heap, what);
    } else if (reinterpret_cast<BlockObject*>(what)->heap == heap) {
      made = send(py::reinterpret_borrow<py::object>(what));
    }
  });
  if (!done) return nullptr;
  if (made) return made.release().ptr();
  return PyObject_CallFunctionObjArgs(ticket_maker, self, what, nullptr);
}

PyObject* redeem(PyObject* self, PyObject* bytes) {
  Heap* heap = heap_of(self);
  if (heap == nullptr) return nullptr;
  py::object redeemed;
  const bool done = translated("redeem", [&] {
    if (!PyBytes_CheckExact(bytes)) return;
    const char* data = PyBytes_AS_STRING(bytes);
    const auto length = static_cast<std::size_t>(PyBytes_GET_SIZE(bytes));
    redeemed =
        length == sizeof(Wire) ? claim_block(*heap, data) : redeem_array(*heap, data, length);
  });
  if (!done) return nullptr;
  if (redeemed) return redeemed.release().ptr();
  return PyObject_CallFunctionObjArgs(ticket_taker, self, bytes, nullptr);
}

PyMethodDef sharing_methods[] = {
    {"ticket", ticket, METH_O,
     "ticket($self, what, /)\n--\n\n"
     "A ticket for a Block of this heap, an array in it or a view of one.\n\n"
     "Some 90 bytes that any process which is attached can redeem; until then the ticket has the\n"
     "block. Raises ForeignBlock for what is not in this heap, BlockFreed for what was freed, and\n"
     "HeapExhausted when there is no record left."},
    {"redeem", redeem, METH_O,
     "redeem($self, ticket, /)\n--\n\n"
     "The Block or array that a ticket is for, with its shape, strides and dtype; read-only if it\n"
     "was.\n\n"
     "Redeemed once more it works while anybody has the block. Raises BlockGone when nobody has,\n"
     "and ValueError for bytes that are no ticket."},
};

py::object with_sharing_methods(py::object derived) {
  add_methods(derived, sharing_methods);
  return derived;
}

Ticket ticket_in(std::string_view value) {
  Wire wire{};
  if (value.size() < sizeof wire) throw py::value_error("no ticket");
  std::memcpy(&wire, value.data(), sizeof wire);
  return wire.ticket;
}

void publish(Heap& heap, const py::bytes& name, const py::bytes& value, const py::object& object) {
  const auto text = static_cast<std::string_view>(value);
  const Ticket ticket = ticket_in(text);
  patiently(heap, [&] { heap.publish(static_cast<std::string_view>(name), text, ticket); });
  with_serials(as_block(object))->published_with = ticket.serial;
}

/// Whether a block is what this value of the directory was published as: no serial is given twice.
bool is_published_as(Heap& heap, const py::object& object, const py::bytes& value) {
  const BlockObject* block = as_block(object);
  const std::uint64_t serial = ticket_in(static_cast<std::string_view>(value)).serial;
  return block->heap == &heap && block->has_serials &&
         (block->claimed_with == serial || block->published_with == serial);
}

py::object look_up(Heap& heap, const py::bytes& name) {
  const auto found =
      patiently(heap, [&] { return heap.look_up(static_cast<std::string_view>(name)); });
  return found ? py::object(py::bytes(*found)) : py::none();
}

bool withdraw(Heap& heap, const py::bytes& name) {
  return patiently(heap, [&] { return heap.withdraw(static_cast<std::string_view>(name)); });
}

py::list names(Heap& heap) {
  py::list list;
  for (const std::string& name : patiently(heap, [&] { return heap.names(); })) {
    list.append(py::bytes(name));
  }
  return list;
}

std::uint64_t named(Heap& heap) {
  return patiently(heap, [&] { return heap.named(); });
}

std::uint32_t published(Heap& heap) {
  return patiently(heap, [&] { return heap.published(); });
}

void wait_for_more(Heap& heap, std::uint32_t seen, std::uint64_t microseconds) {
  without_gil([&] { heap.wait_for_more(seen, microseconds); });
}

std::uint64_t recall(Heap& heap, bool of_the_dead) {
  return patiently(heap, [&] { return heap.recall(of_the_dead); });
}

void say_farewell(Heap& heap) {
  patiently(heap, [&] { heap.say_farewell(); });
}

std::uint64_t reap(Heap& heap) {
  return patiently(heap, [&] { return heap.bury_dead(); });
}

}  // namespace

void register_sharing(py::module_& module) {
  module.def("send", refused_as("send a block", &send));
  module.def("claim", refused_as("redeem", &claim));
  module.def("shared_heap_of", &shared_heap_of);
  module.def("members", refused_as("list processes", &members));
  module.def("in_flight", refused_as("list tickets", &in_flight));
  module.def("recall", refused_as("recall", &recall));
  module.def("reap", refused_as("reap", &reap));
  module.def("say_farewell", refused_as("leave", &say_farewell));
  module.def("publish", refused_as("publish", &publish));
  module.def("is_published_as", &is_published_as);
  module.def("look_up", refused_as("look up a name", &look_up));
  module.def("withdraw", refused_as("delete a name", &withdraw));
  module.def("names", refused_as("list names", &names));
  module.def("named", refused_as("count names", &named));
  module.def("published", refused_as("wait", &published));
  module.def("wait_for_more", &wait_for_more);
  module.def("offset_in", &offset_in);
  module.def("lies_in",
             [](std::uint64_t bytes, std::int64_t offset, std::uint64_t item_bytes,
                const std::vector<Py_ssize_t>& dimensions, const std::vector<Py_ssize_t>& strides) {
               return lies_in(bytes, offset, item_bytes, dimensions, strides);
             });
  module.def("heap_id", &Segment::id_behind);
  module.def("with_sharing_methods", &with_sharing_methods,
             "A class decorator: gives a class derived from Heap `ticket` and `redeem`.");
  module.def(
      "use_tickets",
      [](const py::object& maker, const py::object& taker) {
        ticket_maker = maker.inc_ref().ptr();
        ticket_taker = taker.inc_ref().ptr();
      },
      "Takes the functions that make and redeem the tickets which are not made here.");
  module.def(
      "remember_text",
      [](const py::object& dtype, std::uint64_t item_bytes, const py::bytes& text) {
        numpy::remember_text(dtype.ptr(), item_bytes, text.ptr());
      },
      "From now on tickets of that dtype, which stays the same object, are made here.");
  module.attr("TICKET_BYTES") = sizeof(Wire);
  module.attr("MOST_OBJECTS") = SegmentShape::most_objects;
}

}  // namespace rheap::bindings
