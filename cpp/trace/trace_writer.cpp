#include "trace/trace_writer.hpp"

#include <atomic>
#include <cerrno>
#include <new>

namespace rheap::record {

namespace {

std::atomic<std::size_t> threads_of_process{0};

/// From 1 on, 0 before the thread is first seen. Unlike the system's numbers for threads, these are
/// never used again. (The model of the access makes it one instruction instead of a call.)
[[gnu::tls_model("initial-exec")]] constinit thread_local std::size_t number_in_process = 0;

/// At most `most` bytes, no character of UTF-8 cut in two.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  const auto continues = [&](std::size_t at) { return (text[at] & 0xC0) == 0x80; };
  while (most > 0 && continues(most)) --most;
  return text.substr(0, most);
}

}  // namespace

TraceWriter::TraceWriter(int descriptor, Sites sites)
    : file_(system::take_file(descriptor)),
      sites_(sites == Sites::each),
      began_(system::microseconds()) {
  comment(sites_ ? "rheap 1 time thread site" : "rheap 1 time thread");
}

void TraceWriter::write(char operation, std::uint64_t id, std::uint64_t bytes,
                        std::string_view site) {
  start_line(operation, id);
  put(' ');
  put(bytes);
  put_time_and_thread();
  if (sites_) {
    put(' ');
    put_escaped(cut(site, longest_site));
  }
  put('\n');
}

void TraceWriter::write_freed(std::uint64_t id) {
  start_line('f', id);
  put_time_and_thread();
  put('\n');
}

void TraceWriter::comment(std::string_view text) {
  make_room();
  put("# ");
  put(text);
  put('\n');
}

void TraceWriter::start_line(char operation, std::uint64_t id) {
  make_room();
  put(operation);
  put(' ');
  put(id);
}

void TraceWriter::put_escaped(std::string_view text) {
  for (const char character : text) {
    switch (character) {
      case '\\':
        put("\\\\");
        break;
      case '\n':
        put("\\n");
        break;
      case '\r':
        put("\\r");
        break;
      default:
        put(character);
    }
  }
}

void TraceWriter::put_time_and_thread() {
  put(' ');
  put(system::microseconds() - began_);
  put(' ');
  put(thread_number());
}

std::uint64_t TraceWriter::thread_number() {
  if (number_in_process == 0) number_in_process = ++threads_of_process;
  const std::size_t thread = number_in_process;
  if (thread >= threads_.size()) {
    try {
      threads_.resize(thread + 1);
    } catch (const std::bad_alloc&) {
      error_ = ENOMEM;
      return 0;
    }
  }
  if (threads_[thread] == 0) threads_[thread] = ++threads_seen_;
  return threads_[thread] - 1;
}

void TraceWriter::make_room() {
  if (buffer_bytes - used_ < longest_line) flush();
}

void TraceWriter::flush() {
  if (error_ == 0) error_ = system::write_all(file_, buffer_.data(), used_);
  used_ = 0;
}

void TraceWriter::close() {
  if (!open_) return;
  flush();
  abandon();
}

void TraceWriter::abandon() {
  if (!open_) return;
  open_ = false;
  used_ = 0;
  const int error = system::close_file(file_);
  if (error_ == 0) error_ = error;
}

}  // namespace rheap::record
