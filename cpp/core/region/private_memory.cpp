#include "core/region/private_memory.hpp"

#include <algorithm>

#include "core/region/layout.hpp"

namespace rheap {

namespace {

/// Commits go in steps, as many bytes again as there are, so that a growing heap asks seldom and a
/// small one takes little. (A committed page costs memory only when it is touched.)
constexpr std::uint64_t smallest_step = std::uint64_t{1} << 20;
constexpr std::uint64_t largest_step = std::uint64_t{64} << 20;

}  // namespace

PrivateMemory::PrivateMemory(std::uint64_t capacity, system::Sharing sharing)
    : Backing(capacity, Start::afresh, true),
      mapped_(align_up(first_block.value + capacity, system::page_bytes())),
      sharing_(sharing) {
  base_ = system::reserve(mapped_, largest_align, sharing);
}

PrivateMemory::~PrivateMemory() { system::release(base_, mapped_); }

Offset PrivateMemory::commit(Offset committed, Offset upto) {
  const std::uint64_t step = std::clamp(committed.value, smallest_step, largest_step);
  const std::uint64_t wish = std::max(upto.value, committed.value + step);
  const Offset target{std::min<std::uint64_t>(align_up(wish, system::page_bytes()), mapped_)};
  system::commit(base_ + committed.value, target - committed);
  return target;
}

void PrivateMemory::prefault() { system::prefault(base_, mapped_); }

/// Whole ones inside the block alone, so that its neighbours take no more memory than they use.
void PrivateMemory::prefer_huge_pages(Offset begin, Offset end) noexcept {
  const std::uint64_t from = align_up(begin.value, system::huge_page_bytes);
  const std::uint64_t upto = align_down(end.value, system::huge_page_bytes);
  system::prefer_huge_pages(base_ + from, upto - from);
}

std::optional<std::uint64_t> PrivateMemory::discard(Offset begin, Offset end) {
  const std::uint64_t from = align_up(begin.value, system::page_bytes());
  const std::uint64_t upto = align_down(end.value, system::page_bytes());
  if (from >= upto) return 0;
  const std::uint64_t resident = system::resident(base_ + from, upto - from);
  if (!system::discard(base_ + from, upto - from, sharing_)) return std::nullopt;
  return resident;
}

std::uint64_t PrivateMemory::resident(Offset committed) const {
  return system::resident(base_, committed.value);
}

}  // namespace rheap
