#include "trace/trace_writer.hpp"

#include <atomic>
#include <cerrno>
#include <new>

#include "core/system/clock.hpp"

namespace rheap::trace {

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
    : file_(descriptor), sites_(sites == Sites::each), began_(system::microseconds()) {
  comment(sites_ ? "rheap 1 time thread site" : "rheap 1 time thread");
}

bool TraceWriter::write(char operation, std::uint64_t id, std::uint64_t bytes,
                        std::string_view site) {
  if (!start_line(operation, id)) return false;
  put(' ');
  put(bytes);
  put_time_and_thread();
  if (sites_) {
    put(' ');
    put_escaped(cut(site, longest_site));
  }
  return end_line();
}

bool TraceWriter::write_freed(std::uint64_t id) {
  if (!start_line('f', id)) return false;
  put_time_and_thread();
  return end_line();
}

bool TraceWriter::comment(std::string_view text) {
  at_ = file_.reserve(longest_line);
  if (at_ == nullptr) return false;
  put("# ");
  put(text);
  return end_line();
}

bool TraceWriter::start_line(char operation, std::uint64_t id) {
  at_ = file_.reserve(longest_line);
  if (at_ == nullptr) return false;
  put(operation);
  put(' ');
  put(id);
  return true;
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

bool TraceWriter::end_line() {
  if (error_ != 0) {
    close();
    return false;
  }
  file_.add(at_);
  return true;
}

void TraceWriter::fail(int error) {
  error_ = error;
  close();
}

}  // namespace rheap::trace
