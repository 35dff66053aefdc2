#include "core/system/system.hpp"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
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
  // More than asked for, then the ends go back: what stays is aligned.
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

std::uint64_t random_bits() noexcept {
  std::uint64_t bits = 0;
  if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != sizeof bits) {
    // Early in boot. The secret guards against accidents, not attackers, so the clock will do.
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    bits = static_cast<std::uint64_t>(now.tv_nsec) * 0x9E3779B97F4A7C15U ^
           static_cast<std::uint64_t>(now.tv_sec);
  }
  return bits;
}

bool fence_all_threads() noexcept {
#ifdef __linux__
  // A forked child may have to say once more that it wants to.
  const auto call = [](int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; };
  if (call(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return true;
  return call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && call(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
#else
  return false;
#endif
}

void wait_a_little(unsigned round) noexcept {
  if (round < 64) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
    return;
  }
  if (round < 128) {
    sched_yield();
    return;
  }
  const timespec nap{0, static_cast<long>(std::min(round - 127U, 100U)) * 10'000};
  nanosleep(&nap, nullptr);
}

void around_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) {
  pthread_atfork(before, in_parent, in_child);
}

std::uint64_t microseconds() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

namespace {

/// While it lives, a failing write raises no signal in this thread.
class WithoutSignals {
 public:
  WithoutSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGPIPE);
    sigaddset(&signals_, SIGXFSZ);
    sigpending(&pending_before_);
    pthread_sigmask(SIG_BLOCK, &signals_, &mask_before_);
  }
  ~WithoutSignals() {
    sigset_t pending;
    sigpending(&pending);
    for (const int signal : {SIGPIPE, SIGXFSZ}) {
      if (sigismember(&pending, signal) == 0 || sigismember(&pending_before_, signal) != 0)
        continue;
      sigset_t ours;
      sigemptyset(&ours);
      sigaddset(&ours, signal);
      constexpr timespec now{};
      sigtimedwait(&ours, nullptr, &now);
    }
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;

 private:
  sigset_t signals_{};
  sigset_t pending_before_{};
  sigset_t mask_before_{};
};

/// While it lives: what it calls leaves the caller's errno alone.
class ErrnoKept {
 public:
  ErrnoKept() : errno_(errno) {}
  ~ErrnoKept() { errno = errno_; }
  ErrnoKept(const ErrnoKept&) = delete;
  ErrnoKept& operator=(const ErrnoKept&) = delete;

 private:
  int errno_;
};

bool still_there(const File& file) {
  struct stat status{};
  return fstat(file.descriptor, &status) == 0 && status.st_dev == file.device &&
         status.st_ino == file.inode;
}

/// What the call returns, but for EINTR, where it is made again.
template <typename Call>
int uninterrupted(Call call) {
  int error = EINTR;
  while (error == EINTR) error = call();
  return error;
}

}  // namespace

File take_file(int descriptor) noexcept {
  struct stat status{};
  fstat(descriptor, &status);
  return {descriptor, status.st_dev, status.st_ino};
}

int write_all(const File& file, const char* text, std::size_t bytes) noexcept {
  const ErrnoKept errno_kept;
  if (!still_there(file)) return EBADF;
  const WithoutSignals without_signals;
  while (bytes > 0) {
    const ssize_t written = write(file.descriptor, text, bytes);
    if (written >= 0) {
      text += written;
      bytes -= static_cast<std::size_t>(written);
    } else if (errno == EAGAIN) {
      pollfd ready{file.descriptor, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

int map_file(const File& file, std::uint64_t begin, std::size_t bytes,
             std::byte*& memory) noexcept {
  const ErrnoKept errno_kept;
  if (!still_there(file)) return EBADF;
  const WithoutSignals without_signals;
  const auto from = static_cast<off_t>(begin);
  const auto length = static_cast<off_t>(bytes);
  // Mapped first: a file that cannot be mapped does not grow.
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor, from);
  if (mapped == MAP_FAILED) return errno;
  memory = static_cast<std::byte*>(mapped);
  const int refused = uninterrupted([&] { return posix_fallocate(file.descriptor, from, length); });
  if (refused == 0) {
    memory = static_cast<std::byte*>(mapped);
  } else {
    munmap(mapped, bytes);
  }
  return refused;
}

int cut_file(const File& file, std::uint64_t bytes) noexcept {
  const ErrnoKept errno_kept;
  if (!still_there(file)) return EBADF;
  return uninterrupted(
      [&] { return ftruncate(file.descriptor, static_cast<off_t>(bytes)) == 0 ? 0 : errno; });
}

int close_file(const File& file) noexcept {
  const ErrnoKept errno_kept;
  return still_there(file) && close(file.descriptor) != 0 ? errno : 0;
}

}  // namespace rheap::system
