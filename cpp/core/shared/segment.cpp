#include "core/shared/segment.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>

#include "core/region/layout.hpp"
#include "core/system/memory.hpp"
#include "core/system/memory_file.hpp"
#include "core/system/random.hpp"

namespace rheap {

namespace {

/// Memory is asked for in steps, so that a growing heap asks seldom.
constexpr std::uint64_t step = (std::uint64_t{1} << 20) / Segment::window_bytes;

std::uint64_t page_up(std::uint64_t bytes) { return align_up(bytes, SegmentShape::page); }

/// What the header of a segment says, read before it is mapped. Throws Mismatch.
SegmentShape read_shape(const system::File& file, std::uint64_t& id) {
  const std::uint64_t bytes = system::sealed_bytes(file.descriptor);
  if (bytes == 0) throw Mismatch("it is no sealed memory file");
  alignas(HeapHeader) std::array<std::byte, offsetof(HeapHeader, index)> front{};
  if (!system::read_front(file, front.data(), front.size())) throw Mismatch("it is too short");
  const auto& header = *reinterpret_cast<const HeapHeader*>(front.data());
  if (header.magic != HeapHeader::magic_value) throw Mismatch("it holds no heap");
  if (header.version != HeapHeader::current_version) throw Mismatch("it is of another version");
  const SegmentShape shape{header.capacity, header.shared.object_limit};
  const bool sound = shape.capacity % 8 == 0 && shape.capacity <= capacity_limit &&
                     shape.objects % 64 == 0 && shape.objects > 0 &&
                     shape.objects <= SegmentShape::most_objects;
  if (!sound || shape.bytes() != bytes) throw Mismatch("its size is not what its header says");
  id = header.shared.id;
  return shape;
}

std::uint64_t fresh_id() {
  std::uint64_t id = 0;
  while (id == 0) id = system::random_bits();
  return id;
}

std::array<char, 32> name_of(std::uint64_t id) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "rheap-%016llx", static_cast<unsigned long long>(id));
  return name;
}

}  // namespace

std::uint64_t SegmentShape::windows() const {
  return align_up(first_block.value + capacity, Segment::window_bytes) / Segment::window_bytes;
}
// The windows are whole, so that none of them reaches into what follows the page of nobody.
std::uint64_t SegmentShape::presence_at() const { return windows() * Segment::window_bytes + page; }
std::uint64_t SegmentShape::slots_at() const {
  return presence_at() + page_up(align_up(windows(), 64) / 8);
}
std::uint64_t SegmentShape::objects_at() const { return slots_at() + page_up(slots * slot_bytes); }
std::uint64_t SegmentShape::tickets_at() const {
  return objects_at() + page_up(objects * object_bytes);
}
std::uint64_t SegmentShape::names_at() const {
  return tickets_at() + page_up(objects * ticket_bytes);
}
std::uint64_t SegmentShape::buckets_at() const {
  return names_at() + page_up(objects * name_bytes);
}
std::uint64_t SegmentShape::rows_at() const {
  return buckets_at() + page_up(objects * sizeof(std::uint32_t));
}
std::uint64_t SegmentShape::bytes() const {
  return align_up(rows_at() + slots * row_bytes(), system::page_bytes());
}

Segment::Segment(SegmentShape shape)
    : Backing(shape.capacity, Start::afresh, false),
      shape_(shape),
      id_(fresh_id()),
      file_(system::make_memory_file(name_of(id_).data(), shape_.bytes())) {
  try {
    base_ = system::map_shared(file_, shape_.bytes(), largest_align);
    presence_ = reinterpret_cast<std::uint64_t*>(base_ + shape_.presence_at());
    provide_table(shape_.presence_at(), shape_.objects_at());
    provide({0}, first_block + 1);
  } catch (...) {
    if (base_ != nullptr) system::release(base_, shape_.bytes());
    system::close_file(file_);
    throw;
  }
}

Segment::Segment(int descriptor) : Segment(look_behind(descriptor)) {}

Segment::Segment(const Found& found)
    : Backing(found.shape.capacity, Start::joined, false),
      shape_(found.shape),
      id_(found.id),
      file_(found.file) {
  base_ = system::map_shared(file_, shape_.bytes(), largest_align);
  presence_ = reinterpret_cast<std::uint64_t*>(base_ + shape_.presence_at());
}

Segment::Found Segment::look_behind(int descriptor) {
  Found found{system::take_file(descriptor), {}, 0};
  found.shape = read_shape(found.file, found.id);
  return found;
}

std::uint64_t Segment::id_behind(int descriptor) { return look_behind(descriptor).id; }

Segment::~Segment() {
  system::release(base_, shape_.bytes());
  system::close_file(file_);
}

void Segment::provide_table(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t from = align_down(begin, system::page_bytes());
  system::provide(file_, base_, from, align_up(end, system::page_bytes()) - from);
}

SharedHeader& Segment::header() const { return reinterpret_cast<HeapHeader*>(base_)->shared; }

void Segment::provide_windows(std::uint64_t first, std::uint64_t last) {
  if (last - first >= most_inside && !prepared_.covers(first, last, header().discards)) {
    Unprovided range;
    range.first = first;
    range.last = last;
    range.discards = header().discards;
    throw range;
  }
  last = std::min(std::max(last, first + step - 1), shape_.windows() - 1);
  while (first <= last) {
    std::uint64_t behind = first;
    while (behind <= last && !is_present(behind)) ++behind;
    if (behind > first) {
      // Not what is there: to look at it takes a third of a millisecond a MiB.
      if (!prepared_.covers(first, behind - 1, header().discards)) {
        system::provide(file_, base_, first * window_bytes, (behind - first) * window_bytes);
      }
      for (std::uint64_t window = first; window < behind; ++window) {
        std::atomic_ref(bits_of(window)).fetch_or(bit_of(window), std::memory_order_release);
      }
    }
    first = behind + 1;
  }
}

void Segment::provide_outside(const Unprovided& range) const {
  const std::uint64_t windows = range.last - range.first + 1;
  system::provide(file_, base_, range.first * window_bytes, windows * window_bytes);
}

std::optional<std::uint64_t> Segment::discard(Offset begin, Offset end) {
  const std::uint64_t behind = align_down(end.value, window_bytes) / window_bytes;
  std::uint64_t window = align_up(begin.value, window_bytes) / window_bytes;
  std::uint64_t given_back = 0;
  bool refused = false;
  std::atomic_ref(header().discards).fetch_add(1, std::memory_order_release);
  while (window < behind) {
    const std::uint64_t first = window;
    for (; window < behind && is_present(window); ++window) {
      std::atomic_ref(bits_of(window)).fetch_and(~bit_of(window), std::memory_order_release);
    }
    const std::uint64_t bytes = (window - first) * window_bytes;
    if (bytes == 0) {
      ++window;
    } else if (system::take_back(base_, first * window_bytes, bytes)) {
      given_back += bytes;
    } else {
      refused = true;
    }
  }
  return refused ? std::nullopt : std::optional(given_back);
}

void Segment::prefault() { system::provide(file_, base_, 0, shape_.presence_at()); }

std::uint64_t Segment::resident(Offset) const { return system::bytes_in_memory(file_); }

}  // namespace rheap
