#include "panorama.hpp"

#include <algorithm>
#include <utility>

#include "targets.hpp"

namespace rheap::replay {

namespace {

/// Plays a trace and tells who lives where from when to when.
class Player {
 public:
  Player(const Trace& trace, const Allocator::Options& options)
      : trace_(trace), allocator_(options), slots_(trace.slots()) {}

  /// Calls `born(slot, offset, size)` and `died(slot, offset, size)` as it happens, and `done` with
  /// the number of operations behind each of them.
  template <typename Born, typename Died, typename Done>
  void play(Born&& born, Died&& died, Done&& done) {
    std::size_t number = 0;
    for (const Operation& operation : trace_.operations()) {
      Slot& slot = slots_[operation.slot()];
      const Slot before = slot;
      step(operation, slot);
      if (slot.place != before.place || slot.room != before.room) {
        if (before.place != 0) died(operation.slot(), start_of(before), size_of(before));
        if (slot.place != 0) born(operation.slot(), start_of(slot), size_of(slot));
      }
      done(++number);
    }
  }
  [[nodiscard]] const Allocator& allocator() const { return allocator_; }
  [[nodiscard]] std::uint64_t extent() const {
    return allocator_.blocks().wilderness() - first_block;
  }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  static std::uint64_t start_of(const Slot& slot) { return block_of({slot.place}) - first_block; }
  static std::uint64_t size_of(const Slot& slot) { return slot.room + word_bytes; }

  void step(const Operation& operation, Slot& slot) {
    try {
      switch (operation.kind()) {
        case Kind::allocate: {
          slot = {};
          const Allocation made = allocator_.allocate(operation.bytes(), 8);
          slot = {made.payload.value, made.room};
          break;
        }
        case Kind::resize: {
          if (slot.place == 0) break;
          const Slot old = slot;
          const Allocation made =
              allocator_.resize({old.place}, old.room, old.room, operation.bytes(), 8);
          slot = {made.payload.value, made.room};
          if (slot.place != old.place) allocator_.release({old.place}, old.room);
          break;
        }
        case Kind::release:
          if (slot.place != 0) allocator_.release({slot.place}, slot.room);
          slot = {};
          break;
      }
    } catch (const Exhausted&) {
      ++failed_;
    }
  }

  const Trace& trace_;
  Allocator allocator_;
  std::vector<Slot> slots_;
  std::uint64_t failed_ = 0;
};

/// The live bytes of each row, and what they come to over the operations of a column.
class Column {
 public:
  explicit Column(const Grid& grid) : grid_(grid), rows_(grid.rows) {}

  void change(std::uint64_t offset, std::uint64_t size, std::size_t now, bool is_live) {
    const std::uint64_t end = offset + size;
    for (std::size_t row = row_of(offset); row < grid_.rows && edge(row) < end; ++row) {
      Row& each = rows_[row];
      each.sum += each.live * static_cast<double>(now - std::exchange(each.since, now));
      const std::uint64_t bytes = std::min(end, edge(row + 1)) - std::max(offset, edge(row));
      each.live += is_live ? static_cast<double>(bytes) : -static_cast<double>(bytes);
    }
  }
  /// Writes the column's cells and starts the next one.
  void finish(std::vector<float>& cells, std::size_t column, std::size_t began, std::size_t now) {
    for (std::size_t row = 0; row < grid_.rows; ++row) {
      Row& each = rows_[row];
      each.sum += each.live * static_cast<double>(now - std::exchange(each.since, now));
      const double whole =
          static_cast<double>(edge(row + 1) - edge(row)) * static_cast<double>(now - began);
      cells[row * grid_.columns + column] = whole > 0 ? static_cast<float>(each.sum / whole) : 0;
      each.sum = 0;
    }
  }

 private:
  struct Row {
    double live = 0;
    double sum = 0;
    std::size_t since = 0;
  };

  [[nodiscard]] std::uint64_t edge(std::size_t row) const {
    return static_cast<std::uint64_t>(static_cast<double>(grid_.extent) * static_cast<double>(row) /
                                      static_cast<double>(grid_.rows));
  }
  [[nodiscard]] std::size_t row_of(std::uint64_t offset) const {
    auto row =
        static_cast<std::size_t>(static_cast<double>(offset) * static_cast<double>(grid_.rows) /
                                 static_cast<double>(grid_.extent));
    while (row > 0 && edge(row) > offset) --row;
    while (row + 1 < grid_.rows && edge(row + 1) <= offset) ++row;
    return row;
  }

  const Grid& grid_;
  std::vector<Row> rows_;
};

Panorama::Moment look(const Player& player) {
  Panorama::Moment moment;
  std::uint64_t run = 0;
  player.allocator().blocks().walk([&](Offset, Word word) {
    const bool live = word.state() == State::live;
    (live ? moment.live : moment.free) += word.size();
    run = live ? 0 : run + word.size();
    moment.hole = std::max(moment.hole, run);
  });
  moment.extent = player.extent();
  return moment;
}

}  // namespace

Panorama survey(const Trace& trace, const Allocator::Options& options, const Grid& grid,
                const std::function<void(std::size_t)>& pulse) {
  Panorama seen;
  seen.cells.resize(grid.columns * grid.rows);
  Player player(trace, options);
  Column column(grid);
  std::vector<std::uint64_t> births(trace.slots());
  const std::size_t operations = trace.operations().size();
  std::size_t now = 0;
  std::size_t number = 0;
  std::size_t began = 0;
  const auto keep = [&](std::uint32_t slot, std::uint64_t offset, std::uint64_t size) {
    if (grid.with_bands) seen.bands.push_back({births[slot], now, offset, size});
  };
  std::vector<Panorama::Band> living(grid.with_bands ? trace.slots() : 0);
  player.play(
      [&](std::uint32_t slot, std::uint64_t offset, std::uint64_t size) {
        births[slot] = now;
        if (grid.with_bands) living[slot] = {now, operations, offset, size};
        column.change(offset, size, now, true);
      },
      [&](std::uint32_t slot, std::uint64_t offset, std::uint64_t size) {
        keep(slot, offset, size);
        if (grid.with_bands) living[slot] = {};
        column.change(offset, size, now, false);
      },
      [&](std::size_t done) {
        now = done;
        if (done < (number + 1) * operations / grid.columns) return;
        column.finish(seen.cells, number, began, now);
        seen.moments.push_back(look(player));
        began = now;
        ++number;
        pulse(done);
      });
  for (const Panorama::Band& band : living) {
    if (band.size > 0) seen.bands.push_back(band);
  }
  seen.failed = player.failed();
  return seen;
}

std::uint64_t highest_extent(const Trace& trace, const Allocator::Options& options,
                             const std::function<void(std::size_t)>& pulse) {
  Player player(trace, options);
  std::uint64_t highest = 0;
  const auto ignore = [](std::uint32_t, std::uint64_t, std::uint64_t) {};
  player.play(ignore, ignore, [&](std::size_t done) {
    highest = std::max(highest, player.extent());
    if (done % 65'536 == 0) pulse(done);
  });
  return highest;
}

}  // namespace rheap::replay
