#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "replay/inspection.hpp"
#include "replay/narration.hpp"

namespace rheap::replay {

/// A move is two changes: the block departs, and arrives with the next one.
enum class Event : std::uint8_t { birth, death, departure, arrival };

/// A block came to a place or went from it. Offsets are bytes from the first block, sizes include
/// the word; `asked` is the payload that was asked for.
struct Change {
  std::uint64_t offset;
  std::uint64_t size;
  std::uint64_t asked;
  std::uint32_t operation;
  Event event;

  [[nodiscard]] bool comes() const { return event == Event::birth || event == Event::arrival; }
};

/// A block at one place, from its birth to its death: the operations that made and freed it (the
/// number of all operations if none did), or moved it there and away.
struct Band {
  std::uint64_t born;
  std::uint64_t died;
  std::uint64_t offset;
  std::uint64_t size;
  std::uint64_t asked;
  std::optional<std::uint64_t> moved_from = std::nullopt;  ///< an offset
  std::optional<std::uint64_t> moved_to = std::nullopt;
};

/// The values that a quantity had during some operations.
struct QuantityRange {
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  double last = 0;

  void add(double value) {
    least = value < least ? value : least;
    most = value > most ? value : most;
    last = value;
  }
};

/// After each of the operations that share a column of a picture; the first three in bytes.
struct Column {
  QuantityRange live;           ///< blocks, their words included
  QuantityRange free;           ///< what is no live block's below the wilderness
  QuantityRange extent;         ///< from the first block to the wilderness
  QuantityRange fragmentation;  ///< of the free space once it is merged
  QuantityRange utilisation;    ///< the payload that was asked for, as a ratio of the extent
};

/// The history of the blocks of a run, noted after every operation and summed up in columns.
class Timeline {
 public:
  /// Plays the trace, of which nothing was played yet. `pulse` is called now and then with the
  /// operations done; `columns` are at most as many as operations. `narration`, if there is one,
  /// notes each operation, too.
  Timeline(Inspection& inspection, std::size_t columns,
           const std::function<void(std::size_t)>& pulse, Narration* narration = nullptr);

  [[nodiscard]] const std::vector<Column>& columns() const { return columns_; }
  [[nodiscard]] std::vector<Band> bands() const;
  /// Row by row from the lowest address, a cell for each column: the ratio of its bytes that was
  /// live in the mean, from 0 to 255, and at least 1 if any was. The rows share `extent` bytes.
  [[nodiscard]] std::vector<std::uint8_t> raster(std::size_t rows, std::uint64_t extent) const;

 private:
  /// The operation behind the last one of a column.
  [[nodiscard]] std::size_t end_of(std::size_t column) const {
    return (column + 1) * operations_ / columns_.size();
  }

  std::size_t operations_;
  std::vector<Column> columns_;
  std::vector<Change> changes_;
};

}  // namespace rheap::replay
