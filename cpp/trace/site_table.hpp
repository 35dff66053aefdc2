#pragma once

#include <cstddef>
#include <cstdint>

namespace rheap::trace {

/// Numbers of sites by what they are known by: a hash table with open addressing, in memory
/// straight from the system, so that it can be used inside an allocator.
class SiteTable {
 public:
  /// Two hashes. That two sites are alike in both is not to be expected.
  struct Key {
    std::uint64_t names = 0;
    std::uint64_t place = 0;

    bool operator==(const Key&) const = default;
  };

  SiteTable() = default;
  ~SiteTable();
  SiteTable(const SiteTable&) = delete;
  SiteTable& operator=(const SiteTable&) = delete;

  /// 0 when it is not there.
  [[nodiscard]] std::uint32_t find(const Key& key) const {
    return entries_ == nullptr ? 0 : entries_[slot_of(key)].number;
  }
  /// A key that is not there, and a number other than 0. Throws SystemRefused when there is no
  /// memory to grow.
  void put(const Key& key, std::uint32_t number);

 private:
  struct Numbered {
    Key key;
    std::uint32_t number = 0;  ///< 0: nothing here
  };

  /// Where the entry of a key is, or the empty slot where it would go.
  [[nodiscard]] std::size_t slot_of(const Key& key) const {
    std::size_t slot = ((key.names ^ key.place) * 0x9E3779B97F4A7C15U) >> shift_;
    while (entries_[slot].number != 0 && entries_[slot].key != key)
      slot = (slot + 1) & (slots_ - 1);
    return slot;
  }
  void grow();

  Numbered* entries_ = nullptr;
  std::size_t slots_ = 0;  ///< a power of two
  unsigned shift_ = 0;     ///< 64 minus the bits of a slot's number
  std::size_t count_ = 0;
};

}  // namespace rheap::trace
