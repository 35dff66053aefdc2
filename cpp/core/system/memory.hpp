#pragma once

#include <cstddef>
#include <cstdint>

namespace rheap::system {

/// Who sees what is written to a mapping: this process alone, or its forked children too.
enum class Sharing { alone, children };

std::size_t page_bytes() noexcept;
inline constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;

/// Address space that costs no memory and cannot be touched yet, its base a multiple of `align`.
std::byte* reserve(std::size_t bytes, std::size_t align, Sharing sharing);
/// Makes reserved pages readable and writable. Both throw SystemRefused.
void commit(std::byte* begin, std::size_t bytes);
void release(std::byte* begin, std::size_t bytes) noexcept;

/// Zeroed memory of the process that takes pages only where it is touched. Throws SystemRefused.
std::byte* sparse(std::size_t bytes);
/// From here on any access to these pages ends the process (SIGSEGV), and so does this call where
/// the system refuses even that.
void forbid(std::byte* begin, std::size_t bytes) noexcept;

/// Takes the page faults now. Throws SystemRefused.
void prefault(std::byte* begin, std::size_t bytes);
/// Asks for huge pages where these are touched first. The system may not have any.
void prefer_huge_pages(std::byte* begin, std::size_t bytes) noexcept;
/// Gives whole pages back, which then read as zero. Returns whether the system did it.
bool discard(std::byte* begin, std::size_t bytes, Sharing sharing) noexcept;
/// How many bytes of these pages are in memory.
std::size_t resident(std::byte* begin, std::size_t bytes) noexcept;

}  // namespace rheap::system
