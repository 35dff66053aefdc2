#include "replay/trace_columns.hpp"

#include <vector>

namespace rheap::replay {

TraceColumns::TraceColumns(const trace::Trace& trace) {
  std::vector<std::uint64_t> numbers(trace.slots());
  std::uint64_t allocations = 0;
  for (const trace::Operation& operation : trace.operations()) {
    kinds.add(static_cast<std::uint64_t>(operation.kind()));
    std::uint64_t& number = numbers[operation.slot()];
    if (operation.kind() == trace::Kind::allocate) {
      number = allocations++;
    } else {
      blocks.add(allocations - number);
    }
    if (operation.kind() != trace::Kind::release) bytes.add(operation.bytes());
  }
}

}  // namespace rheap::replay
