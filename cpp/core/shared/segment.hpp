#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>

#include "core/region/backing.hpp"
#include "core/region/errors.hpp"
#include "core/region/layout.hpp"
#include "core/system/files.hpp"
#include "core/system/memory.hpp"

namespace rheap {

/// Where the parts of a segment lie:
///
///   [ header, index | blocks ... end | a page of nobody | presence | slots | objects | tickets
///     | names | buckets | rows ]
///
/// The region of blocks is as in a private heap. The tables behind it are zero until they are used,
/// and none of it takes memory before.
struct SegmentShape {
  static constexpr std::uint64_t slots = 1024;  ///< processes at a time
  static constexpr std::uint64_t most_objects = std::uint64_t{1} << 24;
  static constexpr std::uint64_t slot_bytes = 64;
  static constexpr std::uint64_t object_bytes = 32;
  static constexpr std::uint64_t ticket_bytes = 32;
  static constexpr std::uint64_t name_bytes = 32;
  static constexpr std::uint64_t page = 4096;

  std::uint64_t capacity;  ///< bytes for blocks
  std::uint64_t objects;   ///< a multiple of 64; as many tickets, and names

  [[nodiscard]] std::uint64_t windows() const;
  [[nodiscard]] std::uint64_t presence_at() const;
  [[nodiscard]] std::uint64_t slots_at() const;
  [[nodiscard]] std::uint64_t objects_at() const;
  [[nodiscard]] std::uint64_t tickets_at() const;
  [[nodiscard]] std::uint64_t names_at() const;
  [[nodiscard]] std::uint64_t buckets_at() const;
  [[nodiscard]] std::uint64_t rows_at() const;
  /// A bit for each object.
  [[nodiscard]] std::uint64_t row_bytes() const { return align_up(objects / 8, page); }
  [[nodiscard]] std::uint64_t bytes() const;
};

/// Why a descriptor is no segment of a heap that this process can attach to.
struct Mismatch : SharingError {
  const char* reason;

  explicit Mismatch(const char* reason_) : reason(reason_) {}
  [[nodiscard]] const char* what() const noexcept override { return reason; }
};

/// So much memory is wanted at once that nobody should wait for it with a lock held: windows
/// [first, last], none of which was given back since there were so many discards.
struct Unprovided : std::exception {
  std::uint64_t first = 1;
  std::uint64_t last = 0;
  std::uint64_t discards = 0;

  [[nodiscard]] const char* what() const noexcept override { return "memory to be provided"; }
  [[nodiscard]] bool covers(std::uint64_t from, std::uint64_t upto, std::uint64_t now) const {
    return first <= from && upto <= last && discards == now;
  }
};

struct SharedHeader;

/// Memory that several processes map: a file without a name (memfd), sealed against shrinking and
/// growing, so that no access can end in SIGBUS but for want of memory. That is asked for, by
/// `fallocate`, before a page is used: a bit for each window of 64 KiB says that all of its pages
/// are in memory. The bit is set after they are, and cleared before they go.
class Segment final : public Backing {
 public:
  static constexpr std::uint64_t window_bytes = std::uint64_t{64} << 10;

  /// A new one, in which nothing but the header, the bits and the slots is in memory. Throws
  /// SystemRefused.
  explicit Segment(SegmentShape shape);
  /// The id of the heap in the segment behind this descriptor. Throws Mismatch.
  static std::uint64_t id_behind(int descriptor);
  /// The one behind this descriptor, which is from here on the Segment's. Throws Mismatch or
  /// SystemRefused, and then the descriptor is still the caller's.
  explicit Segment(int descriptor);
  ~Segment() override;

  /// The descriptor is not the Segment's any more, but its maker's.
  void keep_descriptor() { file_.descriptor = -1; }

  [[nodiscard]] const SegmentShape& shape() const { return shape_; }
  [[nodiscard]] const system::File& file() const { return file_; }
  /// Of the heap: in the name of the file, too.
  [[nodiscard]] std::uint64_t id() const { return id_; }

  /// All of it is accessible.
  Offset commit(Offset, Offset) override { return first_block + capacity(); }
  /// Brings the windows of [begin, end), a part of the region, into memory. Throws SystemRefused,
  /// or Unprovided when they are many; then they are to be provided outside of the heap's locks,
  /// and this to be tried again. Nothing has changed then.
  void provide(Offset begin, Offset end) override {
    const std::uint64_t first = begin.value / window_bytes;
    const std::uint64_t last = (end.value - 1) / window_bytes;
    for (std::uint64_t window = first; window <= last; ++window) {
      if (!is_present(window)) [[unlikely]]
        return provide_windows(window, last);
    }
  }
  void provide_outside(const Unprovided& range) const;
  void is_provided(const Unprovided& range) { prepared_ = range; }
  /// The same for a part of the tables, whose user knows what is in memory.
  void provide_table(std::uint64_t begin, std::uint64_t end);
  void prefault() override;
  void prefer_huge_pages(Offset, Offset) noexcept override {}
  std::optional<std::uint64_t> discard(Offset begin, Offset end) override;
  [[nodiscard]] std::uint64_t unit() const override { return window_bytes; }
  [[nodiscard]] std::uint64_t resident(Offset) const override;
  /// From here on this process can look at nothing of it.
  void forbid() noexcept { system::forbid(base_, shape_.bytes()); }

 private:
  [[nodiscard]] std::uint64_t& bits_of(std::uint64_t window) const {
    return presence_[window / 64];
  }
  static std::uint64_t bit_of(std::uint64_t window) { return std::uint64_t{1} << (window % 64); }
  [[nodiscard]] bool is_present(std::uint64_t window) const {
    return (bits_of(window) & bit_of(window)) != 0;
  }
  void provide_windows(std::uint64_t first, std::uint64_t last);
  [[nodiscard]] SharedHeader& header() const;

  /// How many windows may be provided with a lock held: 4 MiB, which takes about a millisecond.
  static constexpr std::uint64_t most_inside = 64;

  /// Of what is behind a file whose header was read.
  struct Found {
    system::File file;
    SegmentShape shape;
    std::uint64_t id;
  };
  explicit Segment(const Found& found);
  static Found look_behind(int descriptor);

  SegmentShape shape_;
  std::uint64_t id_;
  system::File file_;
  std::uint64_t* presence_ = nullptr;
  Unprovided prepared_{};  ///< by the last `is_provided`
};

}  // namespace rheap
