#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "bindings/reports/block_state.hpp"

namespace rheap::bindings {

/// The blocks of one moment in address order. They are one array of numbers; Python objects are
/// made for the rows that somebody reads.
class Rows {
 public:
  struct Row {
    std::uint64_t offset;
    std::uint64_t size;
    std::uint64_t capacity;
    std::uint32_t holders;
    std::uint32_t site;  ///< where in `sites_`; 0 is an unknown one
    std::uint32_t pids;  ///< where in `pids_`; 0 is that of a private heap
    BlockState state;
  };

  /// Runs no Python code: the heap's lock may be held.
  void add(const Heap::Seen& seen);
  /// A block of a heap without handles.
  void add(Offset payload, Word word);
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] auto begin() const { return rows_.begin(); }
  [[nodiscard]] auto end() const { return rows_.end(); }
  /// (offset, size, capacity, state, holders, site, pids) of `count` rows from `first` on, each
  /// `step` behind the one before. The site is None where it is not
  /// known, the pids in a private heap.
  pybind11::list read(std::ptrdiff_t first, std::ptrdiff_t step, std::size_t count);

 private:
  struct RowSite {
    pybind11::object code;  ///< kept alive for its names
    int line;
    pybind11::object text;  ///< once it was read
  };

  std::uint32_t number_of(const Site& site);
  std::uint32_t number_of(const std::vector<std::uint32_t>& pids);
  pybind11::object text_of(std::uint32_t site);
  [[nodiscard]] pybind11::object pids_of(const Row& row) const;

  std::vector<Row> rows_;
  std::vector<std::vector<std::uint32_t>> pids_{{}};
  std::map<std::vector<std::uint32_t>, std::uint32_t> number_of_pids_;
  std::vector<RowSite> sites_{{{}, 0, pybind11::none()}};
  std::map<std::pair<PyObject*, int>, std::uint32_t> numbers_;  ///< of the lines among the sites
};

void register_rows(pybind11::module_& module);

}  // namespace rheap::bindings
