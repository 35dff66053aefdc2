#include "trace/process_recorder.hpp"

#include <utility>

#include "core/system/fork.hpp"
#include "core/system/refused.hpp"

namespace rheap::trace {

namespace {

std::uintptr_t number_of(void* address) { return reinterpret_cast<std::uintptr_t>(address); }

}  // namespace

ProcessRecorder& ProcessRecorder::get() {
  static ProcessRecorder* const recorder = new ProcessRecorder();
  return *recorder;
}

ProcessRecorder::ProcessRecorder() { system::around_fork(before_fork, in_parent, in_child); }

bool ProcessRecorder::start(int descriptor, TraceWriter::Times times, FindOrigin find_origin) {
  const std::lock_guard<Lock> guard(lock_);
  if (running_) return false;
  running_ = true;
  ++recordings_;
  table_.emplace();
  recording_.emplace(descriptor, times);
  find_origin_ = std::move(find_origin);
  active_.store(true, std::memory_order_relaxed);
  return true;
}

void ProcessRecorder::stop() {
  const std::lock_guard<Lock> guard(lock_);
  if (!running_) return;
  running_ = false;
  active_.store(false, std::memory_order_relaxed);
  table_.reset();
  find_origin_ = nullptr;
  recording_->finish();
}

void ProcessRecorder::in_child() {
  ProcessRecorder& recorder = get();
  recorder.running_ = false;
  recorder.active_.store(false, std::memory_order_relaxed);
  recorder.table_.reset();
  recorder.find_origin_ = nullptr;
  if (recorder.recording_) recorder.recording_->abandon();
  recorder.lock_.unlock();
}

/// Does `work` under the lock while the recording is on; what stops the trace turns it off.
template <typename Work>
void ProcessRecorder::recorded(Work&& work) {
  const std::lock_guard<Lock> guard(lock_);
  if (!active()) return;
  try {
    work();
  } catch (const SystemRefused& refused) {
    recording_->fail(refused.code);
  }
  if (recording_->failed()) active_.store(false, std::memory_order_relaxed);
}

void ProcessRecorder::put(const AddressTable::Entry& entry) {
  const AddressTable::Entry before = table_->put(entry);
  // Something freed that block past the allocator that calls us.
  if (before.address != 0) recording_->freed(before.id, before.bytes);
}

void ProcessRecorder::allocated(void* address, std::uint64_t bytes) {
  recorded([&] {
    const std::uint64_t id = recording_->allocated(bytes, origin());
    put({number_of(address), id, bytes});
  });
}

void ProcessRecorder::freed(void* address) {
  recorded([&] {
    const AddressTable::Entry entry = table_->remove(number_of(address));
    if (entry.address == 0) {
      recording_->freed_older();
    } else {
      recording_->freed(entry.id, entry.bytes);
    }
  });
}

ProcessRecorder::Withdrawn ProcessRecorder::withdraw(void* address) {
  Withdrawn withdrawn;
  recorded([&] { withdrawn = {table_->remove(number_of(address)), recordings_}; });
  return withdrawn;
}

void ProcessRecorder::resized(const Withdrawn& withdrawn, void* address, std::uint64_t bytes) {
  if (withdrawn.entry.address == 0) return allocated(address, bytes);
  recorded([&] {
    if (withdrawn.recording != recordings_) return;
    recording_->resized(withdrawn.entry.id, withdrawn.entry.bytes, bytes, origin());
    put({number_of(address), withdrawn.entry.id, bytes});
  });
}

void ProcessRecorder::kept(const Withdrawn& withdrawn) {
  if (withdrawn.entry.address == 0) return;
  recorded([&] {
    if (withdrawn.recording == recordings_) put(withdrawn.entry);
  });
}

}  // namespace rheap::trace
