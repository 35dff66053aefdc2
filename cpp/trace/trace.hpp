#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trace/changes.hpp"

namespace rheap::trace {

enum class Kind : std::uint8_t { allocate, resize, release, compact };

/// One line of a trace, in 12 bytes. Ids are renumbered: each live block has a slot of its own, and
/// a new block gets the slot that became vacant last. So a replay indexes a small array.
class Operation {
 public:
  /// Of a compaction that nothing bounds.
  static constexpr std::uint64_t unbounded = (std::uint64_t{1} << 48) - 1;

  Operation(Kind kind, std::uint32_t slot, std::uint64_t bytes)
      : slot_(slot),
        low_(static_cast<std::uint32_t>(bytes)),
        high_(static_cast<std::uint16_t>(bytes >> 32)),
        kind_(kind) {}

  [[nodiscard]] Kind kind() const { return kind_; }
  /// Of the block; a compaction has none, and says 0.
  [[nodiscard]] std::uint32_t slot() const { return slot_; }
  /// Whether it asks for a block of so many bytes.
  [[nodiscard]] bool is_request() const { return kind_ == Kind::allocate || kind_ == Kind::resize; }
  /// What is asked for; 0 for a release; the most that a compaction may move.
  [[nodiscard]] std::uint64_t bytes() const { return std::uint64_t{high_} << 32 | low_; }

 private:
  std::uint32_t slot_;
  std::uint32_t low_;
  std::uint16_t high_;
  Kind kind_;
};
static_assert(sizeof(Operation) == 12);

/// What a block of so many bytes takes at the least: its word, padding, the smallest block.
std::uint64_t block_bytes(std::uint64_t bytes);

/// What a trace needs at its peak, with any allocator.
struct Demand {
  std::uint64_t bytes = 0;  ///< most payload asked for at one time
  std::uint64_t block_bytes =
      0;                      ///< most bytes of blocks at one time: word, padding, smallest block
  std::size_t operation = 0;  ///< the one that brought `bytes` to its height
};

/// The operations of a program, in order. Only live slots are resized or released. Time, thread and
/// site are kept where they change, so a trace that does not tell them takes no memory for them.
class Trace {
 public:
  explicit Trace(std::string source) : source_(std::move(source)) {}
  /// Of the operations that are added from here on: microseconds since the recording began, the
  /// number of the thread, and a place in `sites()`.
  void set_time(std::uint64_t time) { times_.set(operations_.size(), time); }
  void set_thread(std::uint32_t thread) { threads_.set(operations_.size(), thread); }
  void set_site(std::uint32_t site) { origins_.set(operations_.size(), site); }
  /// Returns the place of a site that is not in `sites()` yet.
  std::uint32_t add_site(std::string_view text);
  /// `line` says where the operation stands in the source. Lines grow.
  void add(Operation operation, std::uint64_t line);
  /// The last line was torn and is not among the operations.
  void leave_out(std::uint64_t line) { torn_line_ = line; }

  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] const std::vector<Operation>& operations() const { return operations_; }
  [[nodiscard]] std::uint32_t slots() const { return slots_; }
  [[nodiscard]] std::uint64_t allocations() const { return allocations_; }
  [[nodiscard]] std::uint64_t compactions() const { return compactions_; }
  [[nodiscard]] std::uint64_t line_of(std::size_t operation) const;
  /// The line that was left out, if there is one.
  [[nodiscard]] std::optional<std::uint64_t> torn_line() const { return torn_line_; }
  [[nodiscard]] Demand demand() const;

  [[nodiscard]] bool has_times() const { return times_.any(); }
  [[nodiscard]] bool has_threads() const { return threads_.any(); }
  [[nodiscard]] bool has_sites() const { return origins_.any(); }
  /// Each is 0 where the trace does not tell.
  [[nodiscard]] std::uint64_t time_of(std::size_t operation) const { return times_.at(operation); }
  [[nodiscard]] std::uint32_t thread_of(std::size_t operation) const {
    return threads_.at(operation);
  }
  /// A place in `sites()`; 0 of what is no request.
  [[nodiscard]] std::uint32_t site_of(std::size_t operation) const {
    return operations_[operation].is_request() ? origins_.at(operation) : 0;
  }
  /// Each text once. The first is empty: it means that the site is not known.
  [[nodiscard]] const std::vector<std::string>& sites() const { return sites_; }

  // The same of all operations, in order, as `take(operation, value)`: no search for each.
  template <typename Take>
  void each_time(Take&& take) const {
    times_.each(operations_.size(), take);
  }
  template <typename Take>
  void each_thread(Take&& take) const {
    threads_.each(operations_.size(), take);
  }
  template <typename Take>
  void each_site(Take&& take) const {
    origins_.each(operations_.size(), [&](std::size_t operation, std::uint32_t site) {
      take(operation, operations_[operation].is_request() ? site : 0);
    });
  }

 private:
  struct Run {  ///< operations that stand on lines one behind the other
    std::size_t operation;
    std::uint64_t line;
  };

  std::string source_;
  std::vector<Operation> operations_;
  std::vector<Run> runs_;
  Changes<std::uint64_t> times_;
  Changes<std::uint32_t> threads_;
  Changes<std::uint32_t> origins_;
  std::vector<std::string> sites_{""};
  std::uint64_t allocations_ = 0;
  std::uint64_t compactions_ = 0;
  std::uint32_t slots_ = 0;
  std::optional<std::uint64_t> torn_line_;
};

/// The trace as text without further columns, after the four numbers that the replayer of Bryant
/// and O'Hallaron's malloc lab (CS:APP) reads first: a heap size, ids, operations, a weight. Ids
/// are the numbers of the allocations. Compactions are left out: that replayer has no word for
/// them.
class Writer {
 public:
  explicit Writer(const Trace& trace) : trace_(trace), ids_(trace.slots()) {}
  /// The next part of the text; empty when all was given.
  std::string next();

 private:
  const Trace& trace_;
  std::vector<std::uint64_t> ids_;
  std::uint64_t allocations_ = 0;
  std::size_t position_ = 0;
};

}  // namespace rheap::trace
