#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>
#include <vector>

#include "trace/line_file.hpp"

namespace rheap::trace {

/// Writes a trace as it goes, in whole lines:
///
///   # rheap 1 time thread [site]
///   a ID BYTES TIME THREAD [SITE]      allocated
///   r ID BYTES TIME THREAD [SITE]      resized
///   f ID TIME THREAD                   freed
///
/// Time is in microseconds since the writer was made; threads are numbered as they are first seen.
/// After an error nothing more is written. Its callers take turns.
class TraceWriter {
 public:
  enum class Sites { none, each };

  /// Owns the open file `descriptor` from here on.
  TraceWriter(int descriptor, Sites sites);

  /// `operation` is 'a' or 'r'. Of a site longer than `longest_site` the start counts. Each of
  /// these returns false when the line was not written.
  bool write(char operation, std::uint64_t id, std::uint64_t bytes, std::string_view site);
  bool write_freed(std::uint64_t id);
  /// A line for people; readers skip it.
  bool comment(std::string_view text);

  /// Closes the file behind its last line.
  void close() { file_.close(); }
  /// Closes the file as it is.
  void abandon() { file_.abandon(); }

  /// Stops writing because of an errno of the caller's.
  void fail(int error);

  [[nodiscard]] bool sites() const { return sites_; }
  /// How many lines are in the file behind the first.
  [[nodiscard]] std::uint64_t lines() const { return file_.lines() > 0 ? file_.lines() - 1 : 0; }
  /// How many threads are in these lines.
  [[nodiscard]] std::uint64_t threads() const { return threads_seen_; }
  /// The errno that stopped it, or 0.
  [[nodiscard]] int error() const { return error_ != 0 ? error_ : file_.error(); }

 private:
  static constexpr std::size_t longest_site = 2048;
  static constexpr std::size_t longest_line = 2 * longest_site + 128;  // a site may be all escapes

  [[nodiscard]] bool start_line(char operation, std::uint64_t id);
  void put(char character) { *at_++ = character; }
  void put(std::uint64_t number) { at_ = std::to_chars(at_, at_ + 20, number).ptr; }
  void put(std::string_view text) { at_ += text.copy(at_, text.size()); }
  void put_escaped(std::string_view text);
  void put_time_and_thread();
  std::uint64_t thread_number();
  bool end_line();

  LineFile file_;
  bool sites_;
  int error_ = 0;
  std::uint64_t began_;
  std::uint64_t threads_seen_ = 0;
  std::vector<std::uint64_t> threads_;  ///< our number, plus one, of each thread of the process
  char* at_ = nullptr;                  ///< in the line that is being written
};

}  // namespace rheap::trace
