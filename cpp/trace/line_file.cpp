#include "trace/line_file.hpp"

#include <atomic>

#include "core/system/memory.hpp"

namespace rheap::trace {

LineFile::LineFile(int descriptor) : file_(system::take_file(descriptor)), mapped_(map_end(1)) {
  if (mapped_) return;
  error_ = 0;
  at_ = buffer_.data();
  end_ = at_ + buffer_bytes;
}

void LineFile::add(char* line_end) {
  // The line end comes last: should the process be killed here, the line is torn and never wrong.
  std::atomic_signal_fence(std::memory_order_release);
  *line_end++ = '\n';
  if (mapped_) {
    ++entries_;
    bytes_ += static_cast<std::uint64_t>(line_end - at_);
  } else {
    ++buffered_entries_;
  }
  at_ = line_end;
}

bool LineFile::make_space(std::size_t bytes) {
  if (!open_) return false;
  const bool made = mapped_ ? map_end(bytes) : write_buffer();
  if (!made) close();
  return made;
}

/// Maps the page in which the last line ends and what follows, at least `bytes` of it: less than a
/// whole step where a disk or a limit has no more.
bool LineFile::map_end(std::size_t bytes) {
  unmap();
  const std::size_t inside = bytes_ % system::page_bytes();
  for (std::size_t step = step_bytes; step >= inside + bytes; step /= 2) {
    error_ = system::map_file(file_, bytes_ - inside, step, window_);
    if (error_ != 0) continue;
    window_bytes_ = step;
    at_ = reinterpret_cast<char*>(window_) + inside;
    // Without an error there is a window. NOLINTNEXTLINE(clang-analyzer-core.NullPointerArithm)
    end_ = reinterpret_cast<char*>(window_) + step;
    return true;
  }
  return false;
}

void LineFile::unmap() {
  system::release(window_, window_bytes_);
  window_ = nullptr;
  window_bytes_ = 0;
}

bool LineFile::write_buffer() {
  const auto used = static_cast<std::size_t>(at_ - buffer_.data());
  note(system::write_all(file_, buffer_.data(), used));
  if (error_ == 0) {
    bytes_ += used;
    entries_ += buffered_entries_;
  }
  at_ = buffer_.data();
  buffered_entries_ = 0;
  return error_ == 0;
}

void LineFile::close() {
  if (!open_) return;
  if (!mapped_ && error_ == 0) write_buffer();
  const int error = system::cut_file(file_, bytes_);
  if (mapped_) note(error);  // pipes have no length
  abandon();
}

void LineFile::abandon() {
  if (!open_) return;
  open_ = false;
  at_ = end_ = nullptr;
  unmap();
  note(system::close_file(file_));
}

}  // namespace rheap::trace
