#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/region/backing.hpp"
#include "core/system/memory.hpp"

namespace rheap {

/// Anonymous memory of one process: reserved whole, committed from the front.
class PrivateMemory final : public Backing {
 public:
  /// `capacity` bytes for blocks, a multiple of 8. Throws SystemRefused.
  explicit PrivateMemory(std::uint64_t capacity, system::Sharing sharing = system::Sharing::alone);
  ~PrivateMemory() override;

  Offset commit(Offset committed, Offset upto) override;
  void provide(Offset, Offset) override {}
  void prefault() override;
  void prefer_huge_pages(Offset begin, Offset end) noexcept override;
  std::optional<std::uint64_t> discard(Offset begin, Offset end) override;
  [[nodiscard]] std::uint64_t unit() const override { return system::page_bytes(); }
  [[nodiscard]] std::uint64_t resident(Offset committed) const override;

 private:
  std::size_t mapped_;
  system::Sharing sharing_;
};

}  // namespace rheap
