#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

namespace rheap::trace {

/// A value for each operation, kept only where it is another than the one before.
template <typename Value>
class Changes {
 public:
  /// From this operation on; operations never fall.
  void set(std::size_t operation, Value value) {
    if (!operations_.empty() && operations_.back() == operation) {
      values_.back() = value;
    } else if (values_.empty() || values_.back() != value) {
      operations_.push_back(operation);
      values_.push_back(value);
    }
  }
  /// Whether any was set.
  [[nodiscard]] bool any() const { return !values_.empty(); }
  /// 0 where none was set yet.
  [[nodiscard]] Value at(std::size_t operation) const {
    const auto behind = std::upper_bound(operations_.begin(), operations_.end(), operation);
    if (behind == operations_.begin()) return 0;
    return values_[static_cast<std::size_t>(std::distance(operations_.begin(), behind)) - 1];
  }
  /// The value of each of the first `count` operations, in order.
  template <typename Take>
  void each(std::size_t count, Take&& take) const {
    std::size_t change = 0;
    Value value = 0;
    for (std::size_t operation = 0; operation < count; ++operation) {
      if (change < operations_.size() && operations_[change] == operation) {
        value = values_[change++];
      }
      take(operation, value);
    }
  }

 private:
  std::vector<std::size_t> operations_;
  std::vector<Value> values_;
};

}  // namespace rheap::trace
