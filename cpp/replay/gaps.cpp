#include "replay/gaps.hpp"

#include <iterator>

namespace rheap::replay {

void Gaps::remove_block(Offset block, std::uint64_t size) {
  const Gap gap = std::prev(by_place_.upper_bound(block.value));
  const auto [start, end] = *gap;
  remove(gap);
  if (start < block.value) add(start, block.value);
  if (block.value + size < end) add(block.value + size, end);
}

void Gaps::add_block(Offset block, std::uint64_t size) {
  std::uint64_t start = block.value;
  std::uint64_t end = start + size;
  Gap behind = by_place_.lower_bound(start);
  if (behind != by_place_.begin() && std::prev(behind)->second == start) {
    const Gap before = std::prev(behind);
    start = before->first;
    remove(before);
  }
  if (behind != by_place_.end() && behind->first == end) {
    end = behind->second;
    remove(behind);
  }
  add(start, end);
}

FreeSpace Gaps::merged() const { return {bytes_, by_size_.empty() ? 0 : by_size_.rbegin()->first}; }

void Gaps::add(std::uint64_t start, std::uint64_t end) {
  by_place_.emplace(start, end);
  ++by_size_[end - start];
  bytes_ += end - start;
}

void Gaps::remove(Gap gap) {
  const auto size = by_size_.find(gap->second - gap->first);
  bytes_ -= size->first;
  if (--size->second == 0) by_size_.erase(size);
  by_place_.erase(gap);
}

}  // namespace rheap::replay
