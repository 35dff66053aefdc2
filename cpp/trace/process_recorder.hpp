#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "core/system/lock.hpp"
#include "trace/address_table.hpp"
#include "trace/recording.hpp"

namespace rheap::trace {

/// Records an allocator of the process, which calls it from any thread: blocks are known by their
/// addresses. It uses no allocator that could be hooked to it, and ends in a forked child.
///
/// What goes away is told before it goes, since another thread may get the same address at once.
class ProcessRecorder {
 public:
  /// The one of the process. Never destroyed: an allocator calls it until the very end.
  static ProcessRecorder& get();
  ProcessRecorder(const ProcessRecorder&) = delete;
  ProcessRecorder& operator=(const ProcessRecorder&) = delete;

  /// Finds where the request comes from that is being made. It is called under a lock of the
  /// recorder's by the thread that asks, and may throw SystemRefused.
  using FindOrigin = std::function<Origin()>;

  /// Owns the open file `descriptor` from here on. Returns false, and takes nothing, when a
  /// recording is running. No origins are told without `find_origin`.
  bool start(int descriptor, TraceWriter::Times times, FindOrigin find_origin);
  /// Nothing happens when none is running.
  void stop();
  /// The last recording, or the one that is running; nullptr when there was none.
  [[nodiscard]] const Recording* last() const { return recording_ ? &*recording_ : nullptr; }

  [[nodiscard]] bool active() const { return active_.load(std::memory_order_relaxed); }

  void allocated(void* address, std::uint64_t bytes);
  void freed(void* address);

  /// A block that is about to be resized: out of the table until `resized` or `kept` puts it back.
  struct Withdrawn {
    AddressTable::Entry entry;
    std::uint64_t recording = 0;
  };
  Withdrawn withdraw(void* address);
  void resized(const Withdrawn& withdrawn, void* address, std::uint64_t bytes);
  void kept(const Withdrawn& withdrawn);

 private:
  ProcessRecorder();
  template <typename Work>
  void recorded(Work&& work);
  void put(const AddressTable::Entry& entry);
  [[nodiscard]] Origin origin() const { return find_origin_ ? find_origin_() : Origin{}; }

  static void before_fork() { get().lock_.lock(); }
  static void in_parent() { get().lock_.unlock(); }
  static void in_child();

  std::atomic<bool> active_{false};  ///< running, and nothing has stopped the trace
  Lock lock_;
  bool running_ = false;
  std::uint64_t recordings_ = 0;
  FindOrigin find_origin_;
  std::optional<AddressTable> table_;
  std::optional<Recording> recording_;
};

}  // namespace rheap::trace
