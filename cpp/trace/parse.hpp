#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "trace/trace.hpp"

namespace rheap::trace {

/// The text is no trace.
struct Malformed : std::runtime_error {
  std::string source;
  std::uint64_t line;  ///< counted from 1

  Malformed(std::string source_, std::uint64_t line_, const std::string& reason)
      : std::runtime_error(reason), source(std::move(source_)), line(line_) {}
};

/// Reads a trace from text that comes in parts. Version 2, which our recorders write:
///
///   # rheap 2                       the first line
///   a BYTES                         allocates
///   r BACK BYTES                    reallocates the block of the BACK-th last `a`: 1 is the last
///   f BACK                          frees it
///   c [BYTES]                       compacts the heap, or moves at most so many bytes for that
///   s SITE [TEXT]                   where the requests that follow come from; the text comes once
///   t THREAD                        the thread that does what follows
///   u MICROSECONDS                  so much later happens what follows
///
/// Version 1, and what other programs write:
///
///   # rheap 1 time thread site      if it is the first line: further columns on each operation's
///   12 34                           bare numbers before the first operation say nothing
///   a ID BYTES                      allocates
///   r ID BYTES                      reallocates
///   f ID                            frees
///
/// Ids may be used again after their free. Empty lines and those that begin with # are skipped.
///
/// The last line may lack its end, since its writer may have been killed in the middle of it. Then
/// it is left out; in version 1 only if it cannot be read.
class Parser {
 public:
  static constexpr std::uint64_t largest_size = std::uint64_t{1} << 40;
  /// In bytes; more than the zero bytes that our recorders may leave behind the last line.
  static constexpr std::size_t longest_line = std::size_t{1} << 20;
  /// Refuses a file of almost no operations: unzipped it may be a terabyte.
  static constexpr std::uint64_t most_idle_lines = 1'000'000;

  /// `source` is what the text is called in messages.
  explicit Parser(std::string source) : trace_(std::move(source)) {}

  /// Throws Malformed.
  void feed(std::string_view part);
  /// The trace, once everything was fed. Throws Malformed when there was no allocation.
  Trace finish();
  [[nodiscard]] const std::string& source() const { return trace_.source(); }
  /// Lines that were read whole.
  [[nodiscard]] std::uint64_t lines() const { return lines_; }

 private:
  class Fields;
  enum class Version { one, two };

  /// Texts are looked up without a copy.
  struct HashOfText {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  void read_line(std::string_view line);
  void read_last_line();
  void read_version(std::string_view text);
  void read_columns(Fields& fields);
  void read_v1(std::string_view text);
  void read_v2(std::string_view text);
  void read_compaction(Fields& fields);
  void read_site(Fields& fields);
  void add(Kind kind, std::uint64_t id, std::uint64_t bytes);
  std::uint64_t number_of_block(Fields& fields) const;
  std::uint32_t place_of(std::string_view text);
  std::uint32_t occupy(std::uint64_t id);
  std::uint32_t find(std::uint64_t id, Kind kind) const;
  void vacate(std::uint64_t id, std::uint32_t slot);
  [[noreturn]] void fail(const std::string& reason) const;

  Trace trace_;
  std::string unfinished_;  ///< the beginning of a line whose end has not come yet
  std::uint64_t lines_ = 0;
  std::uint64_t idle_lines_ = 0;  ///< since the last operation
  Version version_ = Version::one;
  bool with_time_ = false;
  bool with_thread_ = false;
  bool with_site_ = false;
  std::uint64_t time_ = 0;
  std::unordered_map<std::string, std::uint32_t, HashOfText, std::equal_to<>>
      places_;                               ///< of sites
  std::vector<std::uint32_t> announced_{0};  ///< places of the sites of version 2, by number
  /// Slots by id. In version 2 the id of a block is the number of its allocation, from 0 on.
  std::unordered_map<std::uint64_t, std::uint32_t> live_;
  std::vector<std::uint32_t> vacant_;
};

}  // namespace rheap::trace
