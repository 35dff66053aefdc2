#include "replay/gaps.hpp"

#include <map>

#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using replay::Gaps;

namespace {

constexpr Offset first{256};
constexpr Offset end{256 + 64 * 512};

/// What a walk from block to block finds between them.
FreeSpace walked(const std::map<std::uint64_t, std::uint64_t>& blocks) {
  FreeSpace found;
  std::uint64_t at = first.value;
  for (const auto& [start, size] : blocks) {
    found.add(start - at);
    at = start + size;
  }
  found.add(end.value - at);
  return found;
}

}  // namespace

TEST("gaps that are kept up are those that a walk finds") {
  Gaps gaps(first, end);
  std::map<std::uint64_t, std::uint64_t> blocks;
  Random random(3);
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t place = first.value + 64 * random.below(512);
    const std::uint64_t size = 64 * (1 + random.below(6));
    const auto behind = blocks.upper_bound(place);
    const std::uint64_t limit = behind == blocks.end() ? end.value : behind->first;
    const auto before = behind == blocks.begin() ? blocks.end() : std::prev(behind);
    const bool is_free = before == blocks.end() || before->first + before->second <= place;
    if (is_free && place + size <= limit) {
      gaps.remove_block({place}, size);
      blocks[place] = size;
    } else if (before != blocks.end()) {
      gaps.add_block({before->first}, before->second);
      blocks.erase(before);
    }
    const FreeSpace expected = walked(blocks);
    CHECK(gaps.merged().bytes == expected.bytes);
    CHECK(gaps.merged().largest == expected.largest);
  }
}

TEST("a full region has no gap, and is one gap again in the end") {
  Gaps gaps(first, end);
  gaps.remove_block(first, end - first);
  CHECK(gaps.merged().bytes == 0 && gaps.merged().largest == 0);
  gaps.add_block(first, end - first);
  CHECK(gaps.merged().bytes == end - first && gaps.merged().largest == end - first);
}
