#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <cstdint>
#include <vector>

#include "bindings/reports/rows.hpp"

namespace rheap::bindings {

/// What bytes of a region are: a block's payload in one of its states, or none of that.
enum class Kind : unsigned char {
  word = static_cast<unsigned char>(state_names.size()),
  fence,
  wilderness
};
inline constexpr std::size_t kind_count = state_names.size() + 3;
constexpr Kind kind_of(BlockState state) { return static_cast<Kind>(state); }

/// How much of each kind lies in a few bytes, in the order in which the kinds came.
class Shares {
 public:
  struct Share {
    Kind kind;
    std::uint64_t bytes;
    std::uint64_t pieces;
  };

  void add(Kind kind, std::uint64_t bytes);
  /// The kind that has most; of equal ones the one that came first.
  [[nodiscard]] Kind largest() const;
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] const Share* begin() const { return shares_.data(); }
  [[nodiscard]] const Share* end() const { return shares_.data() + count_; }

 private:
  std::array<Share, kind_count> shares_{};
  std::size_t count_ = 0;
};

/// A region, or a part of one, as spans that tile it. The spans are never stored: a walk over the
/// rows yields them, and Python objects are made for what is drawn only.
class Tiling {
 public:
  static constexpr std::size_t no_row = ~std::size_t{0};

  struct Span {
    std::uint64_t start;
    std::uint64_t end;
    Kind kind;
    std::size_t row;  ///< of the block whose bytes they are, or `no_row`
  };

  /// Tiles the bytes from `first` to before `end`, of which those from `wilderness` on have no
  /// block. Where a payload starts at `first`, its word comes along.
  Tiling(const Rows& rows, std::uint64_t fence, std::uint64_t wilderness, std::uint64_t first,
         std::uint64_t end);

  [[nodiscard]] std::uint64_t first() const { return first_; }
  [[nodiscard]] std::uint64_t end() const { return end_; }
  /// Bytes before the wilderness.
  [[nodiscard]] std::uint64_t used() const;

  /// (start, end, kind, row) of each span; the row is None where there is no block.
  [[nodiscard]] pybind11::list spans() const;
  /// By kind how many spans there are.
  [[nodiscard]] pybind11::dict counts() const;
  /// What is drawn in each of the first `most` cells: the kind that fills the larger part of it, of
  /// equal ones the one that begins first. But a block of four cells or more shows where its word
  /// is, so that neighbours of one kind can be told apart.
  [[nodiscard]] pybind11::list cells(std::uint64_t cell_bytes, std::size_t most) const;
  /// For each of so many rows of `row_bytes` what is drawn in it, as (pieces, crowds). A piece is
  /// (start, end, span), as `spans` has them. Spans narrower than `narrow` bytes join crowds, which
  /// end when they are `crowd` bytes wide: (start, end, {kind: (bytes, pieces)}).
  [[nodiscard]] pybind11::list pieces(std::uint64_t row_bytes, std::size_t rows, double narrow,
                                      double crowd) const;

 private:
  /// Calls `visit(Span)` in order, until it returns false.
  template <typename Visit>
  void walk(Visit&& visit) const;

  const Rows& rows_;
  std::uint64_t fence_;
  std::uint64_t wilderness_;
  std::uint64_t first_;
  std::uint64_t end_;
};

void register_tiling(pybind11::module_& module);

}  // namespace rheap::bindings
