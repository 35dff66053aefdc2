#include "core/region/region.hpp"

#include <algorithm>
#include <new>

#include "core/region/word.hpp"
#include "core/system/random.hpp"

namespace rheap {

namespace {

/// Commits go in steps, as many bytes again as there are, so that a growing heap asks seldom and a
/// small one takes little. (A committed page costs memory only when it is touched.)
constexpr std::uint64_t smallest_step = std::uint64_t{1} << 20;
constexpr std::uint64_t largest_step = std::uint64_t{64} << 20;

}  // namespace

std::size_t Region::mapped_bytes(std::uint64_t capacity) {
  return align_up(first_block.value + capacity, system::page_bytes());
}

Region::Region(std::uint64_t capacity, system::Sharing sharing)
    : Memory(system::reserve(mapped_bytes(capacity), largest_align, sharing)),
      capacity_(capacity),
      mapped_(mapped_bytes(capacity)),
      sharing_(sharing),
      secret_(system::random_bits()) {
  try {
    commit_more(first_block + 1);
  } catch (...) {
    system::release(base(), mapped_);
    throw;
  }
  write_header();
}

Region::Region(Segment& segment)
    : Memory(segment.base()),
      capacity_(segment.capacity()),
      mapped_(0),
      sharing_(system::Sharing::alone),
      segment_(&segment),
      secret_(segment.is_new() ? system::random_bits() : header().secret),
      committed_(end()),
      places_(capacity_ / 8) {
  if (segment.is_new()) write_header();
}

void Region::write_header() {
  auto& header = *new (base()) HeapHeader{};
  header.magic = HeapHeader::magic_value;
  header.version = HeapHeader::current_version;
  header.capacity = capacity_;
  header.secret = secret_;
  header.first = first_block;
  const Seal seal(secret_);
  header.wilderness.raw = seal.close(place_of(header.wilderness), first_block);
  header.fresh.raw = seal.close(place_of(header.fresh), first_block);
}

Region::~Region() {
  if (segment_ != nullptr) return;
  rheap::unpoison(base(), committed_.value);
  system::release(base(), mapped_);
}

void Region::commit_more(Offset upto) {
  RHEAP_ASSERT(segment_ == nullptr);
  const std::uint64_t step = std::clamp(committed_.value, smallest_step, largest_step);
  const std::uint64_t wish = std::max(upto.value, committed_.value + step);
  const Offset target{std::min<std::uint64_t>(align_up(wish, system::page_bytes()), mapped_)};
  system::commit(address(committed_), target - committed_);
  committed_ = target;
  places_ = (target - first_block) / 8;
}

void Region::prefer_huge_pages(Offset begin, Offset end) {
  if (segment_ != nullptr) return;
  // Whole ones inside the block alone, so that its neighbours take no more memory than they use.
  const std::uint64_t from = align_up(begin.value, system::huge_page_bytes);
  const std::uint64_t upto = align_down(end.value, system::huge_page_bytes);
  system::prefer_huge_pages(base() + from, upto - from);
}

void Region::prefault() {
  RHEAP_ASSERT(segment_ == nullptr);
  commit(Offset{mapped_});
  system::prefault(base(), mapped_);
}

std::optional<std::uint64_t> Region::discard(Offset begin, Offset end) {
  if (segment_ != nullptr) return segment_->discard(begin, end);
  const std::uint64_t from = align_up(begin.value, system::page_bytes());
  const std::uint64_t upto =
      align_down(std::min(end.value, committed_.value), system::page_bytes());
  if (from >= upto) return 0;
  const std::uint64_t resident = system::resident(base() + from, upto - from);
  if (!system::discard(base() + from, upto - from, sharing_)) return std::nullopt;
  return resident;
}

std::uint64_t Region::resident() const {
  if (segment_ != nullptr) return segment_->resident();
  return system::resident(base(), committed_.value);
}

}  // namespace rheap
