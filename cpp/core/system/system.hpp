#pragma once

#include <cstddef>
#include <cstdint>

/// Every call to the operating system, so that another system needs another system.cpp.
namespace rheap::system {

/// Who sees what is written to a mapping: this process alone, or its forked children too.
enum class Sharing { alone, children };

std::size_t page_bytes() noexcept;

/// Address space that costs no memory and cannot be touched yet, its base a multiple of `align`.
std::byte* reserve(std::size_t bytes, std::size_t align, Sharing sharing);
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

/// `before` runs ahead of each fork, the others behind it, one in the parent, one in the child.
void around_fork(void (*before)(), void (*in_parent)(), void (*in_child)());

/// Microseconds of a clock that nobody sets.
std::uint64_t microseconds() noexcept;

/// An open file, by its descriptor and by what that stood for when it was taken over: a program
/// may close descriptors that it did not open, and the system then gives their numbers to others.
struct File {
  int descriptor = -1;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};
/// Takes over an open descriptor.
File take_file(int descriptor) noexcept;
/// All of these return 0 or the error, which is EBADF when the descriptor is no longer that file;
/// no signal comes of them, and errno stays.
///
/// Writes it all, however long that takes.
int write_all(const File& file, const char* text, std::size_t bytes) noexcept;
/// Maps so much of a file that is open for reading and writing, shared with it, and lets the file
/// grow to hold that. Its disk has room for all of it then. `begin` is a multiple of a page.
int map_file(const File& file, std::uint64_t begin, std::size_t bytes, std::byte*& memory) noexcept;
/// Ends the file behind so many bytes.
int cut_file(const File& file, std::uint64_t bytes) noexcept;
/// Closes it, unless somebody did, which is no error.
int close_file(const File& file) noexcept;

}  // namespace rheap::system
