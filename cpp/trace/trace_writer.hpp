#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "trace/line_file.hpp"
#include "trace/site_text.hpp"

namespace rheap::trace {

/// Where a request comes from.
struct Origin {
  std::uint32_t number = 0;  ///< from 1 on, in the order in which they come; 0: not known
  // NOLINTNEXTLINE(readability-redundant-member-init): g++ warns where only `number` is given.
  std::string_view text = {};  ///< told once, with the first request
};

/// Writes a trace as it goes, in whole lines (version 2, see parse.hpp). The thread, the origin of
/// requests and, when it is wanted, the time stand in lines of their own before the operation,
/// where they are others than before. Threads are numbered as they are first seen.
///
/// After an error nothing more is written. Its callers take turns.
class TraceWriter {
 public:
  enum class Times { none, each };

  /// Owns the open file `descriptor` from here on.
  TraceWriter(int descriptor, Times times);

  // A block is known by how many allocations ago it was made, 1 for the last. Each of these returns
  // false when the line was not written.
  bool allocated(std::uint64_t bytes, const Origin& origin);
  bool resized(std::uint64_t back, std::uint64_t bytes, const Origin& origin);
  bool freed(std::uint64_t back);
  /// `most`: bytes that it may have moved, if that was bounded.
  bool compacted(std::optional<std::uint64_t> most);
  /// A line for people; readers skip it.
  bool comment(std::string_view text);

  /// Closes the file behind its last line.
  void close() { file_.close(); }
  /// Closes the file as it is.
  void abandon() { file_.abandon(); }

  /// Stops writing because of an errno of the caller's.
  void fail(int error);

  /// How many operations and comments are in the file behind its first line.
  [[nodiscard]] std::uint64_t entries() const {
    return file_.entries() > 0 ? file_.entries() - 1 : 0;
  }
  /// How many threads are in these.
  [[nodiscard]] std::uint64_t threads() const { return threads_seen_; }
  /// The errno that stopped it, or 0.
  [[nodiscard]] int error() const { return error_ != 0 ? error_ : file_.error(); }

 private:
  /// With the lines before it; a site may be all escapes.
  static constexpr std::size_t longest_entry = 2 * longest_site + 192;

  [[nodiscard]] bool begin();
  void put(char character) { *at_++ = character; }
  void put(std::uint64_t number) { at_ = std::to_chars(at_, at_ + 20, number).ptr; }
  void put(std::string_view text) { at_ += text.copy(at_, text.size()); }
  void put(char letter, std::uint64_t number);
  void put_escaped(std::string_view text);
  void put_thread();
  void put_time();
  void put_origin(const Origin& origin);
  void end_line();
  std::uint64_t thread_number();
  bool end();

  LineFile file_;
  bool timed_;
  int error_ = 0;
  std::uint64_t began_;
  // As the last line has it. What was not told yet is 0.
  std::uint64_t thread_ = 0;
  std::uint64_t time_ = 0;
  std::uint32_t origin_ = 0;
  std::uint64_t threads_seen_ = 0;
  std::vector<std::uint64_t> threads_;  ///< our number, plus one, of each thread of the process
  char* at_ = nullptr;                  ///< in the entry that is being written
};

}  // namespace rheap::trace
