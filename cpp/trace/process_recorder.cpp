#include "trace/process_recorder.hpp"

#include <cerrno>

#include "core/system/fork.hpp"
#include "core/system/refused.hpp"

namespace rheap::record {

namespace {

std::uintptr_t number_of(void* address) { return reinterpret_cast<std::uintptr_t>(address); }

}  // namespace

ProcessRecorder& ProcessRecorder::get() {
  static ProcessRecorder* const recorder = new ProcessRecorder();
  return *recorder;
}

ProcessRecorder::ProcessRecorder() { system::around_fork(before_fork, in_parent, in_child); }

bool ProcessRecorder::start(int descriptor) {
  const std::lock_guard<Lock> guard(lock_);
  if (running_) return false;
  running_ = true;
  ++recordings_;
  table_.emplace();
  recording_.emplace(descriptor, TraceWriter::Sites::none);
  active_.store(true, std::memory_order_relaxed);
  return true;
}

void ProcessRecorder::stop() {
  const std::lock_guard<Lock> guard(lock_);
  if (!running_) return;
  running_ = false;
  active_.store(false, std::memory_order_relaxed);
  table_.reset();
  recording_->finish();
}

void ProcessRecorder::in_child() {
  ProcessRecorder& recorder = get();
  recorder.running_ = false;
  recorder.active_.store(false, std::memory_order_relaxed);
  recorder.table_.reset();
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
    const std::uint64_t id = recording_->allocated(bytes);
    put({number_of(address), id, bytes});
  });
}

void ProcessRecorder::freed(void* address) {
  recorded([&] {
    const AddressTable::Entry entry = table_->take(number_of(address));
    if (entry.address == 0) {
      recording_->freed_older();
    } else {
      recording_->freed(entry.id, entry.bytes);
    }
  });
}

ProcessRecorder::Taken ProcessRecorder::take(void* address) {
  Taken taken;
  recorded([&] { taken = {table_->take(number_of(address)), recordings_}; });
  return taken;
}

void ProcessRecorder::resized(const Taken& taken, void* address, std::uint64_t bytes) {
  if (taken.entry.address == 0) return allocated(address, bytes);
  recorded([&] {
    if (taken.recording != recordings_) return;
    recording_->resized(taken.entry.id, taken.entry.bytes, bytes);
    put({number_of(address), taken.entry.id, bytes});
  });
}

void ProcessRecorder::kept(const Taken& taken) {
  if (taken.entry.address == 0) return;
  recorded([&] {
    if (taken.recording == recordings_) put(taken.entry);
  });
}

}  // namespace rheap::record
