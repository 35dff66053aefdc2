#pragma once

#include <algorithm>
#include <cstdint>

#include "core/region/layout.hpp"
#include "core/region/word.hpp"

namespace rheap {

/// The bytes that no live block has, hole by hole, and what of them one request can get. In bytes
/// of the region: the word of each hole is counted, so a merge changes no sum.
struct FreeSpace {
  std::uint64_t bytes = 0;    ///< of all holes
  std::uint64_t largest = 0;  ///< of the largest hole

  void add(std::uint64_t hole) {
    if (hole < smallest_block) return;
    bytes += hole;
    largest = std::max(largest, hole);
  }
  /// Payload bytes of the largest request that a hole holds, when a block takes `overhead` bytes
  /// besides (its word, and its fence); 0 when there is none.
  [[nodiscard]] std::uint64_t largest_request(std::uint64_t overhead) const {
    return largest > 0 ? largest - overhead : 0;
  }
  /// External fragmentation: the ratio of the bytes outside the largest hole to all free bytes.
  [[nodiscard]] double fragmentation() const {
    return bytes > 0 ? 1.0 - static_cast<double>(largest) / static_cast<double>(bytes) : 0.0;
  }
};

/// The two free spaces of a region. It is told of each block in address order, then of the
/// wilderness, which is a hole like the others.
///
/// `now`: each block that nobody owns is a hole by itself, and no request that fits one needs a
/// merge. (A deferred block is taken by a request of exactly its size, so it counts for that one.)
/// `merged`: neighbours are one hole, as after `defrag()`. A request larger than that is refused.
class FreeSpaces {
 public:
  void block(Word word) {
    if (word.state() == State::live) {
      end_run();
    } else {
      hole(word.size());
    }
  }
  void wilderness(std::uint64_t bytes) {
    hole(bytes);
    end_run();
  }
  [[nodiscard]] const FreeSpace& now() const { return now_; }
  [[nodiscard]] const FreeSpace& merged() const { return merged_; }

 private:
  void hole(std::uint64_t bytes) {
    now_.add(bytes);
    run_ += bytes;
  }
  void end_run() {
    merged_.add(run_);
    run_ = 0;
  }

  FreeSpace now_;
  FreeSpace merged_;
  std::uint64_t run_ = 0;  ///< of neighbours that nobody owns
};

}  // namespace rheap
