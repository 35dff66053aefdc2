#include "trace/trace.hpp"

#include <algorithm>

#include "core/region/layout.hpp"

namespace rheap::trace {

namespace {

constexpr std::size_t operations_per_part = std::size_t{1} << 16;

}  // namespace

std::uint64_t block_bytes(std::uint64_t bytes) {
  return std::max(smallest_block, align_up(bytes, 8) + word_bytes);
}

void Trace::add(Operation operation, std::uint64_t line) {
  const std::size_t number = operations_.size();
  if (runs_.empty() || line - runs_.back().line != number - runs_.back().operation) {
    runs_.push_back({number, line});
  }
  operations_.push_back(operation);
  slots_ = std::max(slots_, operation.slot() + 1);
  if (operation.kind() == Kind::allocate) ++allocations_;
  if (operation.kind() == Kind::compact) ++compactions_;
}

std::uint32_t Trace::add_site(std::string_view text) {
  sites_.emplace_back(text);
  return static_cast<std::uint32_t>(sites_.size() - 1);
}

std::uint64_t Trace::line_of(std::size_t operation) const {
  const auto behind =
      std::upper_bound(runs_.begin(), runs_.end(), operation,
                       [](std::size_t number, const Run& run) { return number < run.operation; });
  const Run& run = *std::prev(behind);
  return run.line + (operation - run.operation);
}

Demand Trace::demand() const {
  Demand most;
  std::vector<std::uint64_t> sizes(slots_, 0);
  std::uint64_t bytes = 0;
  std::uint64_t blocks = 0;
  for (std::size_t number = 0; number < operations_.size(); ++number) {
    const Operation& operation = operations_[number];
    if (operation.kind() == Kind::compact) continue;
    std::uint64_t& size = sizes[operation.slot()];
    if (operation.kind() != Kind::allocate) {
      bytes -= size;
      blocks -= block_bytes(size);
    }
    if (operation.kind() != Kind::release) {
      size = operation.bytes();
      bytes += size;
      blocks += block_bytes(size);
    }
    if (bytes > most.bytes) {
      most.bytes = bytes;
      most.operation = number;
    }
    most.block_bytes = std::max(most.block_bytes, blocks);
  }
  return most;
}

std::string Writer::next() {
  const auto& operations = trace_.operations();
  std::string text;
  if (position_ == 0) {
    text = std::to_string(trace_.demand().block_bytes) + '\n' +
           std::to_string(trace_.allocations()) + '\n' +
           std::to_string(operations.size() - trace_.compactions()) + "\n1\n";
  }
  const std::size_t end = std::min(operations.size(), position_ + operations_per_part);
  for (; position_ < end; ++position_) {
    const Operation& operation = operations[position_];
    const Kind kind = operation.kind();
    if (kind == Kind::compact) continue;
    std::uint64_t& id = ids_[operation.slot()];
    if (kind == Kind::allocate) id = allocations_++;
    text += "arf"[static_cast<std::size_t>(kind)];
    text += ' ' + std::to_string(id);
    if (kind != Kind::release) text += ' ' + std::to_string(operation.bytes());
    text += '\n';
  }
  return text;
}

}  // namespace rheap::trace
