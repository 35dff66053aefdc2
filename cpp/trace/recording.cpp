#include "trace/recording.hpp"

#include <string>

namespace rheap::trace {

void Recording::finish() {
  if (!failed()) {
    writer_.comment("operations: " + std::to_string(figures_.operations) +
                    ", threads: " + std::to_string(writer_.threads()) +
                    ", most bytes live: " + std::to_string(figures_.peak_bytes));
    writer_.comment("dropped " + std::to_string(figures_.dropped_frees) +
                    " frees of blocks born before");
  }
  writer_.close();
}

/// What was still buffered when an error came is not in the file. Its first entries are the
/// operations.
TraceFigures Recording::figures() const {
  TraceFigures figures = figures_;
  figures.operations = std::min(figures.operations, writer_.entries());
  return figures;
}

}  // namespace rheap::trace
