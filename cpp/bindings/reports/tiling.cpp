#include "bindings/reports/tiling.hpp"

#include <algorithm>
#include <optional>

namespace py = pybind11;

namespace rheap::bindings {

namespace {

constexpr std::uint64_t wide_cells = 4;  // a block as wide as that shows its word at any scale

/// The names of the kinds, as Python strings that are made once.
py::tuple make_names() {
  py::tuple names(kind_count);
  for (std::size_t i = 0; i < state_names.size(); ++i) names[i] = py::str(state_names[i]);
  const auto set = [&](Kind kind, const char* name) {
    names[static_cast<std::size_t>(kind)] = py::str(name);
  };
  set(Kind::word, "word");
  set(Kind::fence, "fence");
  set(Kind::wilderness, "wilderness");
  return names;
}

PyObject* names = nullptr;  // never let go: pictures are made until the interpreter ends

py::handle name_of_kind(Kind kind) {
  return PyTuple_GET_ITEM(names, static_cast<Py_ssize_t>(kind));
}

py::tuple as_tuple(const Tiling::Span& span) {
  const py::object row = span.row == Tiling::no_row ? py::none() : py::object(py::int_(span.row));
  return py::make_tuple(span.start, span.end, name_of_kind(span.kind), row);
}

py::dict as_dict(const Shares& shares) {
  py::dict dict;
  for (const auto& [kind, bytes, pieces] : shares) {
    dict[name_of_kind(kind)] = py::make_tuple(bytes, pieces);
  }
  return dict;
}

/// The rows of a picture while they are filled.
class Drawing {
 public:
  Drawing(std::uint64_t first, std::uint64_t row_bytes, std::size_t rows, double narrow,
          double crowd)
      : stop_(first + row_bytes),
        row_bytes_(row_bytes),
        rows_(rows),
        narrow_(narrow),
        crowd_(crowd) {}

  /// Draws a span, in as many rows as it reaches into. Returns whether there is room for more.
  bool add(const Tiling::Span& whole) {
    while (done_.size() < rows_) {
      add_part(whole, std::max(whole.start, stop_ - row_bytes_), std::min(whole.end, stop_));
      if (whole.end < stop_) return true;
      end_row();
      if (whole.end == stop_ - row_bytes_) break;
    }
    return done_.size() < rows_;
  }

  py::list finish() {
    if (done_.size() < rows_) end_row();
    return done_;
  }

 private:
  void add_part(const Tiling::Span& whole, std::uint64_t start, std::uint64_t end) {
    const bool narrow = static_cast<double>(end - start) < narrow_;
    if (!narrow || static_cast<double>(crowd_end_ - crowd_start_) >= crowd_) end_crowd();
    if (narrow) {
      if (shares_.empty()) crowd_start_ = start;
      crowd_end_ = end;
      shares_.add(whole.kind, end - start);
    } else {
      pieces_.append(py::make_tuple(start, end, as_tuple(whole)));
    }
  }

  void end_crowd() {
    if (!shares_.empty()) {
      crowds_.append(py::make_tuple(crowd_start_, crowd_end_, as_dict(shares_)));
    }
    shares_ = {};
    crowd_start_ = crowd_end_ = 0;
  }

  void end_row() {
    end_crowd();
    done_.append(py::make_tuple(pieces_, crowds_));
    pieces_ = py::list();
    crowds_ = py::list();
    stop_ += row_bytes_;
  }

  std::uint64_t stop_;  // where the row ends
  std::uint64_t row_bytes_;
  std::size_t rows_;
  double narrow_;
  double crowd_;
  py::list done_;
  py::list pieces_;
  py::list crowds_;
  Shares shares_;  // of the crowd, if there is one now
  std::uint64_t crowd_start_ = 0;
  std::uint64_t crowd_end_ = 0;
};

}  // namespace

void Shares::add(Kind kind, std::uint64_t bytes) {
  std::size_t at = 0;
  while (at < count_ && shares_[at].kind != kind) ++at;
  if (at == count_) shares_[count_++] = {kind, 0, 0};
  shares_[at].bytes += bytes;
  ++shares_[at].pieces;
}

Kind Shares::largest() const {
  return std::max_element(
             begin(), end(),
             [](const Share& one, const Share& other) { return one.bytes < other.bytes; })
      ->kind;
}

Tiling::Tiling(const Rows& rows, std::uint64_t fence, std::uint64_t wilderness, std::uint64_t first,
               std::uint64_t end)
    : rows_(rows), fence_(fence), wilderness_(wilderness), first_(first), end_(end) {
  if (first >= end) throw py::value_error("a tiling has bytes");
  const auto starts_here = [&](const Rows::Row& row) { return row.offset == first; };
  if (std::any_of(rows.begin(), rows.end(), starts_here)) first_ -= word_bytes;
}

std::uint64_t Tiling::used() const {
  return std::min(std::max(wilderness_, first_), end_) - first_;
}

template <typename Visit>
void Tiling::walk(Visit&& visit) const {
  const auto tell = [&](std::uint64_t start, std::uint64_t end, Kind kind, std::size_t row) {
    const Span span{std::max(start, first_), std::min(end, end_), kind, row};
    return span.start >= span.end || visit(span);
  };
  std::size_t number = 0;
  for (const Rows::Row& row : rows_) {
    const std::uint64_t end = row.offset + row.capacity;
    if (!tell(row.offset - word_bytes, row.offset, Kind::word, number)) return;
    if (!tell(row.offset, end, kind_of(row.state), number)) return;
    if (is_live(row.state) && !tell(end, end + fence_, Kind::fence, number)) return;
    ++number;
  }
  tell(wilderness_, end_, Kind::wilderness, no_row);
}

py::list Tiling::spans() const {
  py::list list;
  walk([&](const Span& span) {
    list.append(as_tuple(span));
    return true;
  });
  return list;
}

py::dict Tiling::counts() const {
  Shares shares;
  walk([&](const Span& span) {
    shares.add(span.kind, span.end - span.start);
    return true;
  });
  py::dict dict;
  for (const Shares::Share& share : shares) dict[name_of_kind(share.kind)] = share.pieces;
  return dict;
}

py::list Tiling::cells(std::uint64_t cell_bytes, std::size_t most) const {
  if (cell_bytes == 0) throw py::value_error("a cell has bytes");
  std::vector<Shares> cells;
  std::vector<std::size_t> words;
  std::optional<Span> word;
  walk([&](const Span& span) {
    const std::uint64_t first = (span.start - first_) / cell_bytes;
    const std::uint64_t last = (span.end - first_ - 1) / cell_bytes;
    for (std::uint64_t cell = first; cell <= last && cell < most; ++cell) {
      const std::uint64_t begin = first_ + cell * cell_bytes;
      if (cell == cells.size()) cells.emplace_back();
      cells[cell].add(span.kind,
                      std::min(span.end, begin + cell_bytes) - std::max(span.start, begin));
    }
    if (word && span.end - word->start >= wide_cells * cell_bytes) {
      words.push_back((word->start - first_) / cell_bytes);
    }
    word = span.kind == Kind::word ? std::optional(span) : std::nullopt;
    return last < most;
  });
  py::list list(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) list[i] = name_of_kind(cells[i].largest());
  for (const std::size_t cell : words) {
    if (cell < cells.size()) list[cell] = name_of_kind(Kind::word);
  }
  return list;
}

py::list Tiling::pieces(std::uint64_t row_bytes, std::size_t rows, double narrow,
                        double crowd) const {
  if (row_bytes == 0) throw py::value_error("a row has bytes");
  Drawing drawing(first_, row_bytes, rows, narrow, crowd);
  walk([&](const Span& span) { return drawing.add(span); });
  return drawing.finish();
}

void register_tiling(py::module_& module) {
  names = make_names().release().ptr();
  module.attr("KINDS") = py::reinterpret_borrow<py::object>(names);
  using Numbers = std::uint64_t;
  py::class_<Tiling>(module, "Tiling")
      .def(py::init<const Rows&, Numbers, Numbers, Numbers, Numbers>(), py::keep_alive<1, 2>())
      .def_property_readonly("first", &Tiling::first)
      .def_property_readonly("end", &Tiling::end)
      .def_property_readonly("used", &Tiling::used)
      .def("spans", &Tiling::spans)
      .def("counts", &Tiling::counts)
      .def("cells", &Tiling::cells)
      .def("pieces", &Tiling::pieces);
}

}  // namespace rheap::bindings
