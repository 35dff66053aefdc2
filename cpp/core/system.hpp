#pragma once

#include <cstddef>
#include <cstdint>

/// Every call to the operating system, so that another system needs another system.cpp.
namespace rheap::system {

/// Who sees what is written to a mapping: this process alone, or its forked children too.
enum class Sharing { alone, children };

std::size_t page_bytes() noexcept;

/// Address space that costs no memory and cannot be touched yet, its base a multiple of 2 MiB.
std::byte* reserve(std::size_t bytes, Sharing sharing);
/// Makes reserved pages readable and writable. Both throw SystemRefused.
void commit(std::byte* begin, std::size_t bytes);
void release(std::byte* begin, std::size_t bytes) noexcept;

/// Zeroed memory of the process that takes pages only where it is touched. Throws SystemRefused.
std::byte* sparse(std::size_t bytes);

/// Takes the page faults now. Throws SystemRefused.
void prefault(std::byte* begin, std::size_t bytes);
/// Gives whole pages back, which then read as zero. Returns whether the system did it.
bool discard(std::byte* begin, std::size_t bytes, Sharing sharing) noexcept;
/// How many bytes of these pages are in memory.
std::size_t resident(std::byte* begin, std::size_t bytes) noexcept;

std::uint64_t random_bits() noexcept;

/// Has every thread of the process that is running pass a full memory barrier. Returns false,
/// always, where the system cannot do that.
bool fence_all_threads() noexcept;
/// For a lock: pause, then yield, then sleep, as `round` grows.
void wait_a_little(unsigned round) noexcept;

/// `before` runs ahead of each fork, `after` behind it in the parent and in the child.
void around_fork(void (*before)(), void (*after)());

}  // namespace rheap::system
