#pragma once

#include <cstddef>
#include <cstdint>

namespace rheap::system {

/// An open file: its descriptor, and the file that this meant when it was taken over. A program may
/// close descriptors that it did not open, and the system then reuses their numbers.
struct File {
  int descriptor = -1;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};
/// Takes over an open descriptor.
File take_file(int descriptor) noexcept;
/// Whether the descriptor is still that file.
bool still_there(const File& file) noexcept;
/// All of these return 0 or the error, which is EBADF when the descriptor is no longer that file.
/// They raise no signal and leave errno as it is.
///
/// Writes it all, however long that takes.
int write_all(const File& file, const char* text, std::size_t bytes) noexcept;
/// Maps so many bytes of a file that is open for reading and writing, and lets the file grow to
/// hold them. Their space on the disk is reserved then. `begin` is a multiple of a page.
int map_file(const File& file, std::uint64_t begin, std::size_t bytes, std::byte*& memory) noexcept;
/// Ends the file behind so many bytes.
int cut_file(const File& file, std::uint64_t bytes) noexcept;
/// Closes it. That it is closed already is no error.
int close_file(const File& file) noexcept;

}  // namespace rheap::system
