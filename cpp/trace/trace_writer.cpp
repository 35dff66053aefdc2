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

}  // namespace

TraceWriter::TraceWriter(int descriptor, Times times)
    : file_(descriptor), timed_(times == Times::each), began_(system::microseconds()) {
  comment("rheap 2");
}

bool TraceWriter::allocated(std::uint64_t bytes, const Origin& origin) {
  if (!begin()) return false;
  put_origin(origin);
  put('a', bytes);
  return end();
}

bool TraceWriter::resized(std::uint64_t back, std::uint64_t bytes, const Origin& origin) {
  if (!begin()) return false;
  put_origin(origin);
  put('r', back);
  put(' ');
  put(bytes);
  return end();
}

bool TraceWriter::freed(std::uint64_t back) {
  if (!begin()) return false;
  put('f', back);
  return end();
}

bool TraceWriter::compacted(std::optional<std::uint64_t> most) {
  if (!begin()) return false;
  most ? put('c', *most) : put('c');
  return end();
}

bool TraceWriter::comment(std::string_view text) {
  at_ = file_.reserve(longest_entry);
  if (at_ == nullptr) return false;
  put("# ");
  put(text);
  return end();
}

bool TraceWriter::begin() {
  at_ = file_.reserve(longest_entry);
  if (at_ == nullptr) return false;
  put_thread();
  if (timed_) put_time();
  return true;
}

void TraceWriter::put(char letter, std::uint64_t number) {
  put(letter);
  put(' ');
  put(number);
}

void TraceWriter::put_thread() {
  const std::uint64_t thread = thread_number();
  if (thread == thread_) return;
  put('t', thread);
  end_line();
  thread_ = thread;
}

void TraceWriter::put_time() {
  const std::uint64_t time = system::microseconds() - began_;
  if (time == time_) return;
  put('u', time - time_);
  end_line();
  time_ = time;
}

void TraceWriter::put_origin(const Origin& origin) {
  if (origin.number == origin_) return;
  put('s', origin.number);
  if (!origin.text.empty()) {
    put(' ');
    put_escaped(beginning(origin.text));
  }
  end_line();
  origin_ = origin.number;
}

/// Of a line before the last of its entry. Lines come into the file one after the other, so that
/// only the last can be torn.
void TraceWriter::end_line() {
  std::atomic_signal_fence(std::memory_order_release);
  put('\n');
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

bool TraceWriter::end() {
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
