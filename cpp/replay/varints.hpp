#pragma once

#include <cstdint>
#include <string>

namespace rheap::replay {

/// A column of numbers as bytes: seven bits each, the lowest first, the highest bit set in all but
/// the last (as in LEB128). Small numbers are short, and equal ones compress well.
class Varints {
 public:
  void add(std::uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>(value | 128);
    bytes_ += static_cast<char>(value);
  }
  /// The sign comes in the lowest bit, so that small numbers of either sign are short.
  void add_signed(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    add(bits << 1 ^ (value < 0 ? ~std::uint64_t{0} : 0));
  }
  /// The difference of two unsigned numbers.
  void add_difference(std::uint64_t value, std::uint64_t from) {
    add_signed(static_cast<std::int64_t>(value - from));
  }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace rheap::replay
