#include "core/system/files.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

namespace rheap::system {

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

/// Restores errno when it dies.
class ErrnoKept {
 public:
  ErrnoKept() : errno_(errno) {}
  ~ErrnoKept() { errno = errno_; }
  ErrnoKept(const ErrnoKept&) = delete;
  ErrnoKept& operator=(const ErrnoKept&) = delete;

 private:
  int errno_;
};

/// Makes the call, again after each EINTR; returns what it returned at last.
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

bool still_there(const File& file) noexcept {
  struct stat status{};
  return fstat(file.descriptor, &status) == 0 && status.st_dev == file.device &&
         status.st_ino == file.inode;
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
