#pragma once

#include <cstddef>
#include <cstdint>

namespace rheap::trace {

/// Which block lives at an address: a hash table with open addressing, in memory straight from the
/// system, so that it can be used inside an allocator.
class AddressTable {
 public:
  struct Entry {
    std::uintptr_t address = 0;  ///< 0: nothing here
    std::uint64_t id = 0;
    std::uint64_t bytes = 0;
  };

  AddressTable() = default;
  ~AddressTable();
  AddressTable(const AddressTable&) = delete;
  AddressTable& operator=(const AddressTable&) = delete;

  /// Returns the entry that stood there, or one with address 0. Throws SystemRefused when there is
  /// no memory to grow.
  Entry put(const Entry& entry);
  /// Removes and returns the entry; one with address 0 when there is none.
  Entry remove(std::uintptr_t address);
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  [[nodiscard]] std::size_t home(std::uintptr_t address) const {
    return static_cast<std::size_t>((address * 0x9E3779B97F4A7C15U) >> shift_);
  }
  [[nodiscard]] std::size_t after(std::size_t slot) const { return (slot + 1) & (slots_ - 1); }
  /// Where the entry of an address is, or the empty slot where it would go.
  [[nodiscard]] std::size_t find(std::uintptr_t address) const;
  void close_gap(std::size_t gap);
  void grow();

  Entry* entries_ = nullptr;
  std::size_t slots_ = 0;  ///< a power of two
  unsigned shift_ = 0;     ///< 64 minus the bits of a slot's number
  std::size_t count_ = 0;
};

}  // namespace rheap::trace
