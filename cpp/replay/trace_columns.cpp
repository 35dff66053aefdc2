#include "replay/trace_columns.hpp"

#include <utility>
#include <vector>

namespace rheap::replay {

TraceColumns::TraceColumns(const trace::Trace& trace) {
  std::vector<std::uint64_t> numbers(trace.slots());
  std::uint64_t allocations = 0;
  for (const trace::Operation& operation : trace.operations()) {
    kinds.add(static_cast<std::uint64_t>(operation.kind()));
    if (operation.kind() == trace::Kind::compact) {
      bytes.add(operation.bytes() == trace::Operation::unbounded ? 0 : operation.bytes() + 1);
      continue;
    }
    std::uint64_t& number = numbers[operation.slot()];
    if (operation.kind() == trace::Kind::allocate) {
      number = allocations++;
    } else {
      blocks.add(allocations - number);
    }
    if (operation.is_request()) bytes.add(operation.bytes());
  }
  if (trace.has_times()) {
    std::uint64_t last = 0;
    trace.each_time([&](std::size_t, std::uint64_t time) {
      times.add_difference(time, std::exchange(last, time));
    });
  }
  if (trace.has_threads()) {
    trace.each_thread([&](std::size_t, std::uint32_t thread) { threads.add(thread); });
  }
  if (trace.has_sites()) {
    trace.each_site([&](std::size_t, std::uint32_t site) { sites.add(site); });
  }
}

}  // namespace rheap::replay
