#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "trace/trace_writer.hpp"

namespace rheap::trace {

/// What is in the trace so far.
struct TraceFigures {
  std::uint64_t operations = 0;
  std::uint64_t live_bytes = 0;     ///< of blocks born in the recording
  std::uint64_t peak_bytes = 0;     ///< the most of these at a time
  std::uint64_t dropped_frees = 0;  ///< of blocks born before
};

/// Numbers new blocks, writes each operation to a trace, and keeps the sums. Numbers start at 1 and
/// are never used again. Its callers take turns.
class Recording {
 public:
  Recording(int descriptor, TraceWriter::Times times) : writer_(descriptor, times) {}

  /// Returns the block's number, 0 when the line could not be written.
  std::uint64_t allocated(std::uint64_t bytes, const Origin& origin = {}) {
    if (!writer_.allocated(bytes, origin)) return 0;
    ++figures_.operations;
    grown(bytes);
    return ++born_;
  }
  void resized(std::uint64_t id, std::uint64_t before, std::uint64_t bytes,
               const Origin& origin = {}) {
    if (!writer_.resized(back_to(id), bytes, origin)) return;
    ++figures_.operations;
    figures_.live_bytes -= before;
    grown(bytes);
  }
  void freed(std::uint64_t id, std::uint64_t bytes) {
    if (!writer_.freed(back_to(id))) return;
    ++figures_.operations;
    figures_.live_bytes -= bytes;
  }
  void compacted(std::optional<std::uint64_t> most) {
    if (writer_.compacted(most)) ++figures_.operations;
  }
  void freed_older() { ++figures_.dropped_frees; }

  /// Writes the sums and closes the trace; nothing may be recorded after.
  void finish();
  /// Closes the trace as it is.
  void abandon() { writer_.abandon(); }

  /// Stops writing, because of an errno.
  void fail(int error) { writer_.fail(error); }
  [[nodiscard]] bool failed() const { return writer_.error() != 0; }
  [[nodiscard]] TraceFigures figures() const;
  [[nodiscard]] const TraceWriter& writer() const { return writer_; }

 private:
  [[nodiscard]] std::uint64_t back_to(std::uint64_t id) const { return born_ - id + 1; }
  void grown(std::uint64_t bytes) {
    figures_.live_bytes += bytes;
    figures_.peak_bytes = std::max(figures_.peak_bytes, figures_.live_bytes);
  }

  TraceWriter writer_;
  TraceFigures figures_;
  std::uint64_t born_ = 0;
};

}  // namespace rheap::trace
