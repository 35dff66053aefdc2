#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/system/system.hpp"

namespace rheap::record {

/// Writes a trace as it goes, in whole lines:
///
///   # rheap 1 time thread [site]
///   a ID BYTES TIME THREAD [SITE]      allocated
///   r ID BYTES TIME THREAD [SITE]      resized
///   f ID TIME THREAD                   freed
///
/// Time is in microseconds since the writer was made; threads are numbered as they are first seen.
/// A process that is killed loses at most the lines of one buffer. After an error nothing more is
/// written. The caller sees to it that one thread writes at a time.
class TraceWriter {
 public:
  enum class Sites { none, each };

  /// Owns the open file `descriptor` from here on.
  TraceWriter(int descriptor, Sites sites);
  ~TraceWriter() { close(); }
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;

  /// `operation` is 'a' or 'r'. Of a site longer than `longest_site` the start counts.
  void write(char operation, std::uint64_t id, std::uint64_t bytes, std::string_view site);
  void write_freed(std::uint64_t id);
  /// A line for people; readers skip it.
  void comment(std::string_view text);

  /// Writes what is buffered and closes the file.
  void close();
  /// Closes the file and forgets what is buffered.
  void abandon();

  /// Stops it for a reason of the caller's, an errno.
  void fail(int error) { error_ = error; }

  [[nodiscard]] bool sites() const { return sites_; }
  [[nodiscard]] std::uint64_t threads() const { return threads_seen_; }
  /// The errno that stopped it, or 0.
  [[nodiscard]] int error() const { return error_; }

 private:
  static constexpr std::size_t buffer_bytes = 16384;
  static constexpr std::size_t longest_site = 2048;
  static constexpr std::size_t longest_line = 2 * longest_site + 128;  // a site may be all escapes

  void start_line(char operation, std::uint64_t id);
  void put(char character) { buffer_[used_++] = character; }
  void put(std::uint64_t number) {
    char* const end = buffer_.data() + buffer_bytes;
    used_ = static_cast<std::size_t>(std::to_chars(buffer_.data() + used_, end, number).ptr -
                                     buffer_.data());
  }
  void put(std::string_view text) { used_ += text.copy(buffer_.data() + used_, text.size()); }
  void put_escaped(std::string_view text);
  void put_time_and_thread();
  std::uint64_t thread_number();
  void make_room();
  void flush();

  system::File file_;
  bool sites_;
  bool open_ = true;
  int error_ = 0;
  std::uint64_t began_;
  std::uint64_t threads_seen_ = 0;
  std::vector<std::uint64_t> threads_;  ///< our number, plus one, of each thread of the process
  std::size_t used_ = 0;
  std::array<char, buffer_bytes> buffer_;
};

}  // namespace rheap::record
