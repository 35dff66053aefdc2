#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/region/offset.hpp"

namespace rheap {

/// The memory behind a region: mapped whole, and asked for or given back a part at a time. It is
/// called only where memory is wanted or given back, so it may be virtual.
class Backing {
 public:
  enum class Start {
    afresh,  ///< all zero: this process writes the header
    joined,  ///< another process wrote the header before
  };

  virtual ~Backing() = default;
  Backing(const Backing&) = delete;
  Backing& operator=(const Backing&) = delete;

  [[nodiscard]] std::byte* base() const { return base_; }
  /// Bytes for blocks.
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  [[nodiscard]] Start start() const { return start_; }
  /// Whether no other process writes here.
  [[nodiscard]] bool is_private() const { return is_private_; }

  /// Makes at least [0, upto) accessible, of which [0, committed) is. Returns how much is now.
  /// Throws SystemRefused.
  virtual Offset commit(Offset committed, Offset upto) = 0;
  /// Makes sure that [begin, end), of which a part may have been given back, has memory when it is
  /// written to. Throws SystemRefused, and what the backing's users know.
  virtual void provide(Offset begin, Offset end) = 0;
  /// Brings all of it into memory. Throws SystemRefused.
  virtual void prefault() = 0;
  /// A large block will be written here.
  virtual void prefer_huge_pages(Offset begin, Offset end) noexcept = 0;
  /// Gives back the whole units inside [begin, end), which then read as zero. Returns how many
  /// bytes of them were in memory, or nothing when the system did not do it (locked pages).
  virtual std::optional<std::uint64_t> discard(Offset begin, Offset end) = 0;
  /// What is given back is whole ones of these, in bytes.
  [[nodiscard]] virtual std::uint64_t unit() const = 0;
  /// Bytes in memory, of what is committed.
  [[nodiscard]] virtual std::uint64_t resident(Offset committed) const = 0;

 protected:
  Backing(std::uint64_t capacity, Start start, bool is_private)
      : capacity_(capacity), start_(start), is_private_(is_private) {}

  std::byte* base_ = nullptr;
  std::uint64_t capacity_;

 private:
  Start start_;
  bool is_private_;
};

}  // namespace rheap
