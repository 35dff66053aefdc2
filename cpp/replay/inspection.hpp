#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/compaction/compaction.hpp"
#include "core/free_space/free_space.hpp"
#include "trace/trace.hpp"

namespace rheap::replay {

using trace::Kind;
using trace::Operation;
using trace::Trace;

/// Plays a trace one operation at a time, untimed, and verifies everything. It writes a pattern of
/// its own to each payload, and checks it before the block is resized or freed, and after it was
/// moved. It sums up the bytes asked for and the work done. Nobody looks at a block here, so a
/// compaction may move them all.
class Inspection final : private Owners {
 public:
  Inspection(const Trace& trace, const Allocator::Options& options);

  struct RunFigures {
    std::uint64_t requests = 0;         ///< allocations and resizes
    std::uint64_t failed = 0;           ///< those of them that were refused
    std::uint64_t peak_live_bytes = 0;  ///< most payload asked for, of what was served
    /// Most bytes that blocks took at one time at the least. A resize that moved a block counts as
    /// both, which exist at once.
    std::uint64_t peak_block_bytes = 0;
    std::uint64_t extent = 0;        ///< bytes from the first block to the highest wilderness
    std::uint64_t visited = 0;       ///< blocks that requests looked at
    std::uint64_t visited_most = 0;  ///< by one operation, releases too
    std::uint64_t work_most = 0;     ///< visited, merged and split by one operation
    FreeSpaces at_peak;              ///< after the operation where the trace wants most
    FreeSpaces at_end;
  };

  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] bool done() const { return position_ == trace_.operations().size(); }
  /// A block that a compaction moved: its slot in the trace, and where its payload was.
  struct Moved {
    std::uint32_t slot;
    Offset from;
  };

  /// Plays the next operation. Returns where its payload is now; none when there is none: it was
  /// refused, it freed the block, it is a compaction. Throws Damage, or what the Chooser throws.
  std::optional<Offset> step();
  /// What the last operation moved, in address order.
  [[nodiscard]] const std::vector<Moved>& moved() const { return moved_; }
  /// Verifies every payload and every invariant of the heap; throws Damage.
  void verify() const;

  [[nodiscard]] RunFigures figures() const;
  /// The free space of this moment, found by a walk.
  [[nodiscard]] FreeSpaces free_space() const;
  [[nodiscard]] const Trace& trace() const { return trace_; }
  [[nodiscard]] const Allocator& allocator() const { return allocator_; }
  /// The block that a slot of the trace has now; without a payload if it has none.
  [[nodiscard]] const Handle& block(std::uint32_t slot) const { return blocks_[slot]; }
  /// How many requests were refused so far.
  [[nodiscard]] std::uint64_t failed() const { return figures_.failed; }
  /// Payload asked for by what is live.
  [[nodiscard]] std::uint64_t live_bytes() const { return live_bytes_; }

 private:
  struct TracedBlock : Handle {
    std::uint64_t number = 0;  ///< the allocation's: its pattern
  };

  std::optional<Offset> play(const Operation& operation);
  std::optional<Offset> allocate(TracedBlock& block, std::uint64_t bytes);
  std::optional<Offset> resize(TracedBlock& block, std::uint64_t bytes);
  void release(TracedBlock& block);
  void compact(std::uint64_t most);
  bool may_move(const Handle&) noexcept override { return true; }
  void moved(Handle& handle, Offset from) noexcept override;
  void count(const Work& before, bool request);
  void count_blocks(std::uint64_t bytes) {
    figures_.peak_block_bytes = std::max(figures_.peak_block_bytes, bytes);
  }
  void note_served(TracedBlock& block, const Allocation& made, std::uint64_t bytes);
  void fill(const TracedBlock& block);
  /// The first `bytes` of a payload must be as they were written, also where it was moved to.
  void verify(const TracedBlock& block, Offset place, std::uint64_t bytes) const;

  const Trace& trace_;
  std::size_t peak_;
  Allocator allocator_;
  HandleTable handles_;
  Compaction compaction_{allocator_, handles_};
  std::vector<TracedBlock> blocks_;
  std::vector<Moved> moved_;
  RunFigures figures_;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t block_bytes_ = 0;  ///< what live blocks take at the least
  std::uint64_t allocations_ = 0;
  std::size_t position_ = 0;
};

}  // namespace rheap::replay
