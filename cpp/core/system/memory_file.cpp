#include "core/system/memory_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

#include "core/system/memory.hpp"
#include "core/system/refused.hpp"

namespace rheap::system {

namespace {

constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

[[noreturn]] void refuse(int code, const std::string& verb, const std::string& hint = "") {
  throw SystemRefused(
      code, "the system refused to " + verb + ": " + std::generic_category().message(code) + hint);
}

std::string hint_for(int code) {
  if (code == EFBIG) return "; files of this process are limited (ulimit -f, RLIMIT_FSIZE)";
  if (code == ENOSPC) return "; there is no memory left for files that are memory";
  return "";
}

/// A process that lets this signal kill it would die of a file beyond the limit.
bool beyond_file_limit(std::uint64_t bytes) {
  rlimit limit{};
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
         limit.rlim_cur < bytes;
}

struct flock lock_of(std::uint64_t byte, short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(byte);
  lock.l_len = 1;
  return lock;
}

/// EAGAIN says that somebody has a mark, so where the system means another thing it is ENOMEM.
int refusal() { return errno == EAGAIN ? ENOMEM : errno; }

int allocate(const File& file, std::byte* memory, std::uint64_t begin, std::uint64_t bytes) {
  if (!still_there(file)) {
    // A program that became a daemon closed all descriptors; the mapping is left.
#ifdef MADV_POPULATE_WRITE
    if (madvise(memory + begin, bytes, MADV_POPULATE_WRITE) == 0) return 0;
    return errno == EFAULT ? ENOSPC : errno;
#else
    static_cast<void>(memory);
    return EBADF;
#endif
  }
  int code = EINTR;
  while (code == EINTR) {
    const bool done =
        fallocate(file.descriptor, 0, static_cast<off_t>(begin), static_cast<off_t>(bytes)) == 0;
    code = done ? 0 : errno;
  }
  return code;
}

}  // namespace

File make_memory_file(const char* name, std::uint64_t bytes) {
  const std::string verb = "make a shared segment of " + std::to_string(bytes) + " bytes";
  if (beyond_file_limit(bytes)) refuse(EFBIG, verb, hint_for(EFBIG));
  const int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) refuse(errno, verb);
  const bool made = ftruncate(descriptor, static_cast<off_t>(bytes)) == 0 &&
                    fcntl(descriptor, F_ADD_SEALS, seals) == 0;
  if (!made) {
    const int code = errno;
    close(descriptor);
    refuse(code, verb, hint_for(code));
  }
  return take_file(descriptor);
}

std::uint64_t sealed_bytes(int descriptor) {
  constexpr int needed = F_SEAL_SHRINK | F_SEAL_GROW;
  const int found = fcntl(descriptor, F_GET_SEALS);
  if (found < 0 && errno != EINVAL) refuse(errno, "look at the seals of a shared segment");
  if (found < 0 || (found & needed) != needed) return 0;
  struct stat status{};
  if (fstat(descriptor, &status) != 0) refuse(errno, "look at a shared segment");
  return static_cast<std::uint64_t>(status.st_size);
}

std::uint64_t bytes_in_memory(const File& file) noexcept {
  struct stat status{};
  if (!still_there(file) || fstat(file.descriptor, &status) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

bool read_front(const File& file, std::byte* to, std::size_t bytes) {
  const ssize_t got = pread(file.descriptor, to, bytes, 0);
  if (got < 0) refuse(errno, "read the header of a shared segment");
  return got == static_cast<ssize_t>(bytes);
}

std::byte* map_shared(const File& file, std::size_t bytes, std::size_t align) {
  std::byte* base = reserve(bytes, align, Sharing::alone);
  void* mapped =
      mmap(base, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.descriptor, 0);
  if (mapped == MAP_FAILED) {
    const int code = errno;
    system::release(base, bytes);
    refuse(code, "map a shared segment of " + std::to_string(bytes) + " bytes");
  }
  return base;
}

void provide(const File& file, std::byte* memory, std::uint64_t begin, std::uint64_t bytes) {
  int code = refuse_to_provide != nullptr ? refuse_to_provide() : 0;
  if (code == 0) code = allocate(file, memory, begin, bytes);
  if (code != 0) {
    refuse(code, "bring " + std::to_string(bytes) + " bytes of a shared segment into memory",
           hint_for(code));
  }
}

bool take_back(std::byte* memory, std::uint64_t begin, std::uint64_t bytes) noexcept {
  return madvise(memory + begin, bytes, MADV_REMOVE) == 0;
}

int LifeMark::take(const File& file, std::uint64_t byte) noexcept {
  if (!still_there(file)) return EBADF;
  // Opened once more: a duplicate would share its locks with everybody who has the segment.
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", file.descriptor);
  const int own = open(path.data(), O_RDWR | O_CLOEXEC);
  if (own < 0) return refusal();
  struct flock lock = lock_of(byte, F_WRLCK);
  int code = 0;
  if (fcntl(own, F_OFD_SETLK, &lock) != 0) {
    code = errno == EACCES ? EAGAIN : errno;
  } else {
    page_ = mmap(nullptr, page_bytes(), PROT_NONE, MAP_SHARED, own, 0);
    if (page_ == MAP_FAILED) page_ = nullptr;
    if (page_ == nullptr || !inherit(false)) code = refusal();
  }
  close(own);
  if (code != 0) release();
  return code;
}

void LifeMark::release() noexcept {
  if (page_ != nullptr) munmap(page_, page_bytes());
  page_ = nullptr;
}

bool LifeMark::inherit(bool inherited) noexcept {
  return madvise(page_, page_bytes(), inherited ? MADV_DOFORK : MADV_DONTFORK) == 0;
}

void LifeMark::swap(LifeMark& other) noexcept { std::swap(page_, other.page_); }

bool is_marked(const File& file, std::uint64_t byte) noexcept {
  if (!still_there(file)) return true;
  struct flock lock = lock_of(byte, F_WRLCK);
  return fcntl(file.descriptor, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

}  // namespace rheap::system
