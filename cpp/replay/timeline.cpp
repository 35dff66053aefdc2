#include "replay/timeline.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "replay/gaps.hpp"

namespace rheap::replay {

namespace {

Change change_of(const Handle& block, std::size_t operation, Event event) {
  return {block_of(block.payload) - first_block, block.usable + word_bytes, block.bytes,
          static_cast<std::uint32_t>(operation), event};
}

/// The live bytes of each row, and what they come to over the operations of a column.
class RasterRows {
 public:
  RasterRows(std::size_t rows, std::uint64_t extent) : extent_(extent), rows_(rows) {}

  void apply(const Change& change) {
    const std::uint64_t end = change.offset + change.size;
    for (std::size_t row = row_of(change.offset); row < rows_.size() && edge(row) < end; ++row) {
      RasterRow& each = summed_until(row, change.operation);
      const std::uint64_t bytes = std::min(end, edge(row + 1)) - std::max(change.offset, edge(row));
      each.live += change.comes() ? static_cast<double>(bytes) : -static_cast<double>(bytes);
    }
  }
  /// The ratio of a row that was live, in the mean, since the last call: `operations` were played
  /// meanwhile.
  double mean_since_last(std::size_t row, std::size_t now, std::size_t operations) {
    RasterRow& each = summed_until(row, now);
    const auto bytes = static_cast<double>(edge(row + 1) - edge(row));
    return std::exchange(each.sum, 0) / std::max(bytes * static_cast<double>(operations), 1.0);
  }

 private:
  struct RasterRow {
    double live = 0;
    double sum = 0;  // of live bytes, over operations
    std::size_t since = 0;
  };

  RasterRow& summed_until(std::size_t row, std::size_t now) {
    RasterRow& each = rows_[row];
    each.sum += each.live * static_cast<double>(now - std::exchange(each.since, now));
    return each;
  }
  /// Where a row starts: whole bytes, so that the rows share them all.
  [[nodiscard]] std::uint64_t edge(std::size_t row) const {
    return static_cast<std::uint64_t>(static_cast<double>(extent_) * static_cast<double>(row) /
                                      static_cast<double>(rows_.size()));
  }
  [[nodiscard]] std::size_t row_of(std::uint64_t offset) const {
    auto row =
        static_cast<std::size_t>(static_cast<double>(offset) * static_cast<double>(rows_.size()) /
                                 static_cast<double>(extent_));
    while (row > 0 && edge(row) > offset) --row;
    while (row + 1 < rows_.size() && edge(row + 1) <= offset) ++row;
    return row;
  }

  std::uint64_t extent_;
  std::vector<RasterRow> rows_;
};

}  // namespace

Timeline::Timeline(Inspection& inspection, std::size_t columns,
                   const std::function<void(std::size_t)>& pulse, Narration* narration)
    : operations_(inspection.trace().operations().size()), columns_(columns) {
  const BlockList& blocks = inspection.allocator().blocks();
  Gaps gaps(first_block, inspection.allocator().region().end());
  std::uint64_t live = 0;
  const auto note = [&](const Change& change) {
    changes_.push_back(change);
    const Offset block = first_block + change.offset;
    change.comes() ? gaps.remove_block(block, change.size) : gaps.add_block(block, change.size);
    live += change.comes() ? change.size : -change.size;
  };
  std::size_t column = 0;
  for (std::size_t now = 0; now < operations_; ++now) {
    const Handle& block = inspection.block(inspection.trace().operations()[now].slot());
    const Handle before = block;
    inspection.step();
    for (const auto& [slot, from] : inspection.moved()) {
      const Handle& here = inspection.block(slot);
      Handle there = here;
      there.payload = from;
      note(change_of(there, now, Event::departure));
      note(change_of(here, now, Event::arrival));
    }
    const bool is_other = block.payload != before.payload || block.usable != before.usable;
    if (is_other && inspection.moved().empty()) {
      if (before.payload) note(change_of(before, now, Event::death));
      if (block.payload) note(change_of(block, now, Event::birth));
    }
    if (now == end_of(column)) ++column;
    const std::uint64_t extent = blocks.wilderness() - first_block;
    Column& sums = columns_[column];
    sums.live.add(static_cast<double>(live));
    sums.free.add(static_cast<double>(extent - live));
    const FreeSpace merged = gaps.merged();
    sums.fragmentation.add(merged.fragmentation());
    sums.extent.add(static_cast<double>(extent));
    sums.utilisation.add(extent == 0 ? 0.0
                                     : static_cast<double>(inspection.live_bytes()) /
                                           static_cast<double>(extent));
    if (narration != nullptr) narration->note(merged.largest_request(word_bytes));
    if (now % 1024 == 0 || !inspection.moved().empty()) pulse(now);  // to move takes long
  }
}

std::vector<Band> Timeline::bands() const {
  std::vector<Band> bands;
  std::unordered_map<std::uint64_t, std::size_t> living;  // by offset: where in `bands`
  std::size_t ended = 0;                                  // the last that ended
  for (const Change& change : changes_) {
    if (change.comes()) {
      living[change.offset] = bands.size();
      bands.push_back({change.operation, operations_, change.offset, change.size, change.asked});
      if (change.event == Event::arrival) {
        bands.back().moved_from = bands[ended].offset;
        bands[ended].moved_to = change.offset;
      }
    } else {
      ended = living.at(change.offset);
      bands[ended].died = change.operation;
    }
  }
  return bands;
}

std::vector<std::uint8_t> Timeline::raster(std::size_t rows, std::uint64_t extent) const {
  std::vector<std::uint8_t> cells(rows * columns_.size());
  RasterRows sums(rows, extent);
  std::size_t began = 0;
  auto change = changes_.begin();
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    const std::size_t end = end_of(column);
    for (; change != changes_.end() && change->operation < end; ++change) sums.apply(*change);
    for (std::size_t row = 0; row < rows; ++row) {
      const double ratio = sums.mean_since_last(row, end, end - began);
      const auto step = static_cast<std::uint8_t>(std::min(ratio * 255, 255.0));
      cells[row * columns_.size() + column] = ratio > 0 && step == 0 ? 1 : step;
    }
    began = end;
  }
  return cells;
}

}  // namespace rheap::replay
