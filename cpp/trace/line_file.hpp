#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/system/files.hpp"

namespace rheap::trace {

/// A file to which entries are appended, each of one or more whole lines.
///
/// Where the system can map it, the end of the file is memory of this process: an entry is in the
/// file when `add` returns, whatever becomes of the process then (a kill, an abort, an exec).
/// `close` cuts off what is behind the last line. A process that is killed does not get there:
/// its file ends in zero bytes, and the line before them may be torn, without its line end. Disk
/// space is reserved before it is mapped, so a full disk is an error of `reserve`. (A program that
/// shortens the file meanwhile does harm: SIGBUS.)
///
/// Pipes, devices, and file systems without such mappings get the lines through a buffer.
class LineFile {
 public:
  /// How much the file grows at a time, and the most zero bytes behind its last line.
  static constexpr std::size_t step_bytes = std::size_t{1} << 19;

  /// Owns the open file `descriptor` from here on. What is in the file may be overwritten.
  explicit LineFile(int descriptor);
  ~LineFile() { close(); }
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  /// Returns where the next entry goes, with so many bytes reserved (fewer than the buffer has), or
  /// nullptr when they cannot be had: then the file is closed, and ends with the last line.
  char* reserve(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes && !make_space(bytes)) return nullptr;
    return at_;
  }
  /// Ends the line, and the entry, that was written there.
  void add(char* line_end);
  /// Writes what is buffered, cuts off what is behind the last line, closes the file.
  void close();
  /// Closes the file as it is and forgets what is buffered.
  void abandon();

  /// How many are in the file.
  [[nodiscard]] std::uint64_t entries() const { return entries_; }
  /// The first errno, or 0.
  [[nodiscard]] int error() const { return error_; }

 private:
  static constexpr std::size_t buffer_bytes = 16384;

  [[nodiscard]] bool make_space(std::size_t bytes);
  bool map_end(std::size_t bytes);
  void unmap();
  bool write_buffer();
  void note(int error) { error_ = error_ == 0 ? error : error_; }

  system::File file_;
  bool open_ = true;
  int error_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;  ///< of these lines
  std::byte* window_ = nullptr;
  std::size_t window_bytes_ = 0;
  char* at_ = nullptr;   ///< where the next entry goes, in the window or in the buffer
  char* end_ = nullptr;  ///< of the window or the buffer; both are nullptr once that is closed
  bool mapped_;
  std::uint64_t buffered_entries_ = 0;
  std::array<char, buffer_bytes> buffer_;
};

}  // namespace rheap::trace
