#include "core/system/memory.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <system_error>

#include "core/system/refused.hpp"

namespace rheap::system {

namespace {

/// The limit that most likely stopped a request for memory, as far as the process can see.
std::string likely_limit() {
  const auto limited = [](auto resource) {
    rlimit limit{};
    const bool known = getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    return known ? std::to_string(limit.rlim_cur) : std::string();
  };
  if (const std::string bytes = limited(RLIMIT_AS); !bytes.empty()) {
    return "; the address space of this process is limited to " + bytes +
           " bytes (ulimit -v, RLIMIT_AS)";
  }
  if (const std::string bytes = limited(RLIMIT_DATA); !bytes.empty()) {
    return "; the data of this process is limited to " + bytes + " bytes (ulimit -d, RLIMIT_DATA)";
  }
  int policy = 0;
  if (std::ifstream("/proc/sys/vm/overcommit_memory") >> policy && policy == 2) {
    return "; the system commits no more memory than it has (vm.overcommit_memory is 2, see "
           "CommitLimit in /proc/meminfo)";
  }
  return "";
}

[[noreturn]] void refuse(int code, const char* verb, std::size_t bytes) {
  const std::string limit = code == ENOMEM ? likely_limit() : "";
  throw SystemRefused(code, "the system refused to " + std::string(verb) + " " +
                                std::to_string(bytes) +
                                " bytes: " + std::generic_category().message(code) + limit);
}

std::byte* map(std::size_t bytes, int protection, int flags, const char* verb) {
  void* mapped = mmap(nullptr, bytes, protection, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) refuse(errno, verb, bytes);
  return static_cast<std::byte*>(mapped);
}

}  // namespace

std::size_t page_bytes() noexcept {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

std::byte* reserve(std::size_t bytes, std::size_t align, Sharing sharing) {
  // Reserves more than asked for and gives both ends back, so that the rest is aligned.
  const int flags = sharing == Sharing::alone ? MAP_PRIVATE : MAP_SHARED;
  const std::size_t wide = bytes + align;
  std::byte* begin = map(wide, PROT_NONE, flags, "reserve");
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t before = (align - address % align) % align;
  if (before > 0) release(begin, before);
  release(begin + before + bytes, wide - before - bytes);
  return begin + before;
}

void commit(std::byte* begin, std::size_t bytes) {
  if (mprotect(begin, bytes, PROT_READ | PROT_WRITE) != 0) refuse(errno, "commit", bytes);
}

void release(std::byte* begin, std::size_t bytes) noexcept {
  if (bytes > 0) munmap(begin, bytes);
}

std::byte* sparse(std::size_t bytes) {
  return map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, "map");
}

void forbid(std::byte* begin, std::size_t bytes) noexcept {
  if (mprotect(begin, bytes, PROT_NONE) == 0) return;
  constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  if (mmap(begin, bytes, PROT_NONE, flags, -1, 0) == MAP_FAILED) std::abort();
}

void prefault(std::byte* begin, std::size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  if (madvise(begin, bytes, MADV_POPULATE_WRITE) == 0) return;
  if (errno != EINVAL) refuse(errno, "prefault", bytes);  // EINVAL: Linux before 5.14
#endif
  for (std::size_t at = 0; at < bytes; at += page_bytes()) {
    volatile std::byte* byte = begin + at;
    *byte = *byte;
  }
}

void prefer_huge_pages([[maybe_unused]] std::byte* begin,
                       [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  static_cast<void>(madvise(begin, bytes, MADV_HUGEPAGE));  // it stays as it was when refused
#endif
}

bool discard(std::byte* begin, std::size_t bytes, Sharing sharing) noexcept {
  return madvise(begin, bytes, sharing == Sharing::alone ? MADV_DONTNEED : MADV_REMOVE) == 0;
}

std::size_t resident(std::byte* begin, std::size_t bytes) noexcept {
  std::array<unsigned char, 4096> pages{};
  std::size_t found = 0;
  for (std::size_t at = 0; at < bytes; at += pages.size() * page_bytes()) {
    const std::size_t length = std::min(pages.size() * page_bytes(), bytes - at);
    if (mincore(begin + at, length, pages.data()) != 0) return found;
    const std::size_t count = (length + page_bytes() - 1) / page_bytes();
    found += static_cast<std::size_t>(
        std::count_if(pages.begin(), pages.begin() + static_cast<std::ptrdiff_t>(count),
                      [](unsigned char page) { return (page & 1) != 0; }));
  }
  return found * page_bytes();
}

}  // namespace rheap::system
