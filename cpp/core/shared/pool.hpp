#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/region/errors.hpp"
#include "core/region/region.hpp"
#include "core/shared/tables.hpp"

namespace rheap::shared {

/// Records of one kind: those in use have a serial, the others are in a list. Memory is provided as
/// more of them come into use. What the header says is verified before it is followed.
template <typename Record>
class Pool {
 public:
  Pool(Segment& segment, PoolHeader& header, std::uint64_t table, std::uint64_t limit)
      : segment_(segment),
        header_(header),
        records_(reinterpret_cast<Record*>(segment.base() + table)),
        table_(table),
        limit_(limit) {}

  [[nodiscard]] Record& operator[](std::uint64_t index) const { return records_[index]; }
  /// Records from here on were never used. Throws Damage.
  [[nodiscard]] std::uint64_t made() const {
    const std::uint64_t made = header_.made;
    if (made > limit_ || made > header_.ready) damaged("a table's bounds");
    return made;
  }
  /// A record in use that another table names. Throws Damage when there is none.
  [[nodiscard]] Record& in_use(std::uint64_t index) const {
    if (index >= made() || (*this)[index].serial == 0) [[unlikely]]
      damaged("a record in use where another one says");
    return (*this)[index];
  }
  /// Whether this record is in use and has this serial.
  [[nodiscard]] bool has(std::uint64_t index, std::uint64_t serial) const {
    return serial != 0 && index < made() && (*this)[index].serial == serial;
  }

  /// A record without a serial, or none when all are in use. Throws SystemRefused or Damage, and
  /// then nothing has changed.
  std::optional<std::uint32_t> take() {
    if (header_.free != 0) {
      const std::uint64_t index = header_.free - 1;
      if (index >= made() || (*this)[index].serial != 0) damaged("a list of free records");
      Memory::store(header_.free, std::uint64_t{(*this)[index].next});
      return static_cast<std::uint32_t>(index);
    }
    const std::uint64_t index = made();
    if (index == limit_) return std::nullopt;
    if (index == header_.ready) make_ready();
    Memory::store(header_.made, index + 1);
    return static_cast<std::uint32_t>(index);
  }
  /// Lists a record that has no serial any more.
  void give(std::uint32_t index) {
    Memory::store((*this)[index].next, static_cast<std::uint32_t>(header_.free));
    Memory::store(header_.free, std::uint64_t{index} + 1);
  }
  /// Makes the list anew.
  void rebuild() {
    std::uint64_t next = 0;
    for (std::uint64_t index = made(); index-- > 0;) {
      if ((*this)[index].serial != 0) continue;
      Memory::store((*this)[index].next, static_cast<std::uint32_t>(next));
      next = index + 1;
    }
    Memory::store(header_.free, next);
  }
  /// Calls `visit(index, record)` for each in use.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    const std::uint64_t end = made();
    for (std::uint64_t index = 0; index < end; ++index) {
      if ((*this)[index].serial != 0) visit(static_cast<std::uint32_t>(index), (*this)[index]);
    }
  }
  /// Throws Damage unless the list has exactly the records that are not in use.
  void verify() const {
    std::uint64_t used = 0;
    for_each([&](std::uint32_t, const Record&) { ++used; });
    std::uint64_t listed = 0;
    for (std::uint64_t next = header_.free; next != 0; next = (*this)[next - 1].next) {
      const bool sound = next <= made() && (*this)[next - 1].serial == 0;
      if (!sound || ++listed > made()) damaged("a list of free records");
    }
    if (used + listed != made()) damaged("a free record in the list");
  }

 private:
  static constexpr std::uint64_t step = (std::uint64_t{64} << 10) / sizeof(Record);

  void make_ready() {
    const std::uint64_t ready = std::min(header_.ready + step, limit_);
    segment_.provide_table(table_ + header_.ready * sizeof(Record),
                           table_ + ready * sizeof(Record));
    Memory::store(header_.ready, ready);
  }
  [[noreturn]] void damaged(const char* invariant) const {
    const auto* place = reinterpret_cast<const std::byte*>(&header_);
    throw Damage({static_cast<std::uint64_t>(place - segment_.base())}, invariant);
  }

  Segment& segment_;
  PoolHeader& header_;
  Record* records_;
  std::uint64_t table_;
  std::uint64_t limit_;
};

}  // namespace rheap::shared
