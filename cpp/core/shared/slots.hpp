#pragma once

#include <bit>
#include <cstdint>
#include <optional>

#include "core/region/region.hpp"
#include "core/shared/segment.hpp"
#include "core/shared/tables.hpp"
#include "core/system/memory_file.hpp"

namespace rheap::shared {

/// The processes that are attached, and which objects each of them has: a row of bits for each. A
/// process is alive as long as its life mark is.
class Slots {
 public:
  explicit Slots(Segment& segment)
      : segment_(segment),
        records_(reinterpret_cast<SlotRecord*>(segment.base() + segment.shape().slots_at())),
        rows_(reinterpret_cast<std::uint64_t*>(segment.base() + segment.shape().rows_at())),
        row_words_(segment.shape().row_bytes() / sizeof(std::uint64_t)) {}

  [[nodiscard]] SlotRecord& operator[](unsigned slot) const { return records_[slot]; }
  /// Slots from here on were never used. Throws Damage.
  [[nodiscard]] unsigned made() const;
  [[nodiscard]] bool is_alive(unsigned slot) const {
    return system::is_marked(segment_.file(), slot);
  }
  /// Marks a slot that nobody has as taken by whoever has `mark`, and makes its row empty. It is
  /// not in use before it has a serial. Returns none when there is none. Throws SystemRefused.
  std::optional<unsigned> take(system::LifeMark& mark);

  // --- rows -------------------------------------------------------------------------------------

  /// Makes sure that the bit of an object can be set. Throws SystemRefused.
  void provide(unsigned slot, std::uint32_t object) {
    if (object / 8 >= (*this)[slot].row_ready) [[unlikely]]
      provide_row(slot, object / 8 + 1);
  }
  [[nodiscard]] bool has(unsigned slot, std::uint32_t object) const {
    return object / 8 < row_ready(slot) && (word(slot, object) & bit(object)) != 0;
  }
  void set(unsigned slot, std::uint32_t object) {
    std::uint64_t& bits = word(slot, object);
    Memory::store(bits, bits | bit(object));
  }
  void clear(unsigned slot, std::uint32_t object) {
    std::uint64_t& bits = word(slot, object);
    Memory::store(bits, bits & ~bit(object));
  }
  /// Gives a slot what another one has. Calls `visit(object)` for each. Throws SystemRefused.
  template <typename Visit>
  void copy(unsigned from, unsigned to, Visit&& visit);
  /// Calls `visit(object)` for each that the slot has.
  template <typename Visit>
  void for_each(unsigned slot, Visit&& visit) const;
  /// Empties the row. Calls `visit(object)` for each that it had: by then its bit is clear.
  template <typename Visit>
  void empty(unsigned slot, Visit&& visit);

 private:
  static std::uint64_t bit(std::uint32_t object) { return std::uint64_t{1} << (object % 64); }
  [[nodiscard]] std::uint64_t* row(unsigned slot) const { return rows_ + slot * row_words_; }
  [[nodiscard]] std::uint64_t& word(unsigned slot, std::uint32_t object) const {
    return row(slot)[object / 64];
  }
  /// Bytes of the row that may be looked at.
  [[nodiscard]] std::uint64_t row_ready(unsigned slot) const;
  void provide_row(unsigned slot, std::uint64_t bytes);
  template <typename Visit>
  static void visit_bits(std::uint64_t bits, std::uint64_t index, Visit&& visit) {
    for (; bits != 0; bits &= bits - 1) {
      visit(static_cast<std::uint32_t>(index * 64 + static_cast<unsigned>(std::countr_zero(bits))));
    }
  }

  Segment& segment_;
  SlotRecord* records_;
  std::uint64_t* rows_;
  std::uint64_t row_words_;
};

template <typename Visit>
void Slots::copy(unsigned from, unsigned to, Visit&& visit) {
  const std::uint64_t bytes = row_ready(from);
  if (bytes > row_ready(to)) provide_row(to, bytes);
  for (std::uint64_t index = 0; index < bytes / 8; ++index) {
    const std::uint64_t bits = row(from)[index];
    if (bits == 0) continue;
    Memory::store(row(to)[index], bits);
    visit_bits(bits, index, visit);
  }
}

template <typename Visit>
void Slots::for_each(unsigned slot, Visit&& visit) const {
  for (std::uint64_t index = 0; index < row_ready(slot) / 8; ++index) {
    visit_bits(row(slot)[index], index, visit);
  }
}

template <typename Visit>
void Slots::empty(unsigned slot, Visit&& visit) {
  for (std::uint64_t index = 0; index < row_ready(slot) / 8; ++index) {
    const std::uint64_t bits = row(slot)[index];
    if (bits == 0) continue;
    Memory::store(row(slot)[index], std::uint64_t{0});
    visit_bits(bits, index, visit);
  }
}

}  // namespace rheap::shared
