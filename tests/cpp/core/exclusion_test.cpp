#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/heap/heap.hpp"
#include "core/system/memory_file.hpp"
#include "core/system/refused.hpp"
#include "cpp/core/model.hpp"
#include "cpp/core/shared_heap.hpp"
#include "cpp/refusing.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

/// A forked child inherits views of blocks that it must then have, or it must not look: at each
/// thing that the system may refuse it, the child finds its mapping forbidden, and is told why.

namespace {

/// A heap with a block, whose memory is used anew while a child exists.
struct Scene {
  SharedHeap heap{1 << 20};
  Handle block;
  int go[2];  ///< made before there are no descriptors left

  Scene() {
    heap->alloc(block, 5000, 8);
    fill(heap->address(block), 5000, 7);
    CHECK(pipe(go) == 0);
  }
};

/// Forks. `work` runs in the child once the parent has given its block to somebody else. Returns
/// how the child ended.
template <typename Work>
int fork_and_reuse(Scene& scene, Work&& work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    std::signal(SIGSEGV, SIG_DFL);
    char byte = 0;
    static_cast<void>(!read(scene.go[0], &byte, 1));
    const std::string failure = failure_of(work);
    if (!failure.empty()) std::fprintf(stderr, "%s\n", failure.c_str());
    _exit(failure.empty() ? 0 : 1);
  }
  scene.heap->free(scene.block);
  scene.heap->alloc(scene.block, 5000, 8);
  fill(scene.heap->address(scene.block), 5000, 8);
  static_cast<void>(!write(scene.go[1], "x", 1));
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}

/// A system call that is refused, and the error that the caller is told.
struct Refusal {
  int call;
  int code;
  std::optional<Argument> argument;
  int told;
};

/// The child is told this, and dies when it looks.
void verify_excluded(Scene& scene, int code, const std::string& words = "") {
  const int status = fork_and_reuse(scene, [&] {
    const auto refused = CHECK_THROWS<SystemRefused>([&] { scene.heap->bury_dead(); });
    if (refused.code != code || std::string(refused.what()).find(words) == std::string::npos) {
      fail(std::to_string(refused.code) + " " + refused.what());
    }
    CHECK_THROWS<SystemRefused>([&] {
      Handle block;
      scene.heap->alloc(block, 8, 8);
    });
    CHECK(scene.heap->is_excluded());
    CHECK(scene.heap->busy_pid() == 0);
    CHECK_THROWS<SystemRefused>([&] { scene.heap->measure([](Handle&) {}); });
    // Its own child is told the same.
    if (fork() == 0) {
      const auto again = failure_of([&] { scene.heap->check(); });
      _exit(again.find(refused.what()) == std::string::npos ? 1 : 0);
    }
    int grandchild = 0;
    wait(&grandchild);
    CHECK(grandchild == 0);
    static_cast<void>(*const_cast<volatile std::byte*>(scene.heap->address(scene.block)));
  });
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV) {
    fail("the child ended with " + std::to_string(status));
  }
  CHECK(!scene.heap->is_excluded());
  scene.heap->bury_dead();
  scene.heap->check();
  CHECK(scene.heap->members().size() == 1);
  CHECK(live_blocks(*scene.heap) == 1);
}

}  // namespace

TEST("a child for which there is no descriptor is excluded") {
  if (!can_be_starved) return;
  in_child(60, [] {
    Scene scene;
    const rlim_t before = limit(RLIMIT_NOFILE, 0);
    verify_excluded(scene, EMFILE, "Too many open files");
    limit(RLIMIT_NOFILE, before);
    // The next one is a child like any other.
    const int status = fork_and_reuse(scene, [&] {
      CHECK(filled(scene.heap->address(scene.block), 5000, 8));
      scene.heap->check();
    });
    CHECK(status == 0);
  });
}

TEST("a child that the system does not let be marked as alive is excluded") {
  const Refusal refusals[] = {
      {SYS_openat, ENFILE, {}, ENFILE},
      {SYS_openat, ENOENT, {}, ENOENT},  // there is no /proc
      {SYS_fcntl, ENOLCK, Argument{1, F_OFD_SETLK}, ENOLCK},
      {SYS_mmap, ENOMEM, {}, ENOMEM},
      {SYS_mmap, EAGAIN, {}, ENOMEM},
      {SYS_madvise, ENOMEM, Argument{2, MADV_DONTFORK}, ENOMEM},
      {SYS_madvise, EAGAIN, Argument{2, MADV_DONTFORK}, ENOMEM},
      {SYS_madvise, ENOMEM, Argument{2, MADV_DOFORK}, ENOMEM},
  };
  for (const Refusal& refusal : refusals) {
    if (refusal.call == SYS_mmap && !can_be_starved) continue;
    in_child(60, [&] {
      Scene scene;
      refuse(refusal.call, refusal.code, refusal.argument);
      verify_excluded(scene, refusal.told, "when this process was forked");
    });
  }
}

TEST("a child for whose row there is no memory is excluded") {
  in_child(60, [] {
    Scene scene;
    system::refuse_to_provide = [] { return ENOSPC; };
    verify_excluded(scene, ENOSPC, "No space left");
    system::refuse_to_provide = nullptr;
    scene.heap->check();
  });
}

TEST("a child beyond as many processes as can be attached is excluded") {
  in_child(60, [] {
    limit(RLIMIT_NOFILE, 4096);
    Scene scene;
    std::vector<std::unique_ptr<SharedHeap>> others;
    while (scene.heap->members().size() < SegmentShape::slots) {
      others.push_back(std::make_unique<SharedHeap>(scene.heap));
    }
    const int status = fork_and_reuse(scene, [&] {
      CHECK(CHECK_THROWS<SystemRefused>([&] { scene.heap->check(); }).code == EUSERS);
    });
    CHECK(status == 0);
  });
}

TEST("where the system does not forbid a mapping another one takes its place, or the child ends") {
  if (!can_be_starved) return;
  in_child(60, [] {
    Scene scene;
    limit(RLIMIT_NOFILE, 0);
    refuse(SYS_mprotect, ENOMEM);
    verify_excluded(scene, EMFILE);
    refuse(SYS_mmap, ENOMEM);
    const pid_t child = fork();
    if (child == 0) _exit(0);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  });
}

#if RHEAP_CHECK >= 2

TEST("a child that is forked while another process keeps the lock is excluded, and told which") {
  in_child(60, [] {
    Scene scene;
    Membership::patience_of_fork = 10'000;
    const pid_t stopped = fork();
    if (stopped == 0) {
      after_store = [] { kill(getpid(), SIGSTOP); };
      Handle block;
      scene.heap->alloc(block, 100, 8);
      _exit(0);
    }
    int status = 0;
    CHECK(waitpid(stopped, &status, WUNTRACED) == stopped && WIFSTOPPED(status));
    const pid_t child = fork();
    if (child == 0) {
      const auto refused = CHECK_THROWS<SystemRefused>([&] { scene.heap->check(); });
      const std::string who = "(process " + std::to_string(stopped) + ")";
      const bool told = std::string(refused.what()).find(who) != std::string::npos;
      _exit(refused.code == EBUSY && told ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    kill(stopped, SIGKILL);
    CHECK(waitpid(stopped, &status, 0) == stopped);
    scene.heap->bury_dead();
    scene.heap->check();
    CHECK(filled(scene.heap->address(scene.block), 5000, 7));
  });
}

#endif

TEST("a child of a damaged heap keeps what it sees, and is told of the damage") {
  in_child(60, [] {
    Scene scene;
    std::memset(scene.heap->address(scene.block) - 8, 1, 8);
    CHECK_THROWS<Damage>([&] { scene.heap->check(); });
    in_child(20, [&] {
      CHECK(filled(scene.heap->address(scene.block), 5000, 7));
      CHECK_THROWS<Damage>([&] { scene.heap->check(); });
    });
  });
}

TEST("what the system refuses to a process that attaches is told with its error") {
  const Refusal refusals[] = {
      {SYS_fcntl, EIO, Argument{1, F_GET_SEALS}, EIO},
      {SYS_newfstatat, EIO, {}, EIO},
      {SYS_pread64, EIO, {}, EIO},
      {SYS_mmap, ENOMEM, {}, ENOMEM},
      {SYS_openat, ENFILE, {}, ENFILE},
      {SYS_fcntl, ENOLCK, Argument{1, F_OFD_SETLK}, ENOLCK},
      {SYS_madvise, EAGAIN, Argument{2, MADV_DONTFORK}, ENOMEM},
  };
  for (const Refusal& refusal : refusals) {
    if (refusal.call == SYS_mmap && !can_be_starved) continue;
    in_child(60, [&] {
      SharedHeap heap(1 << 20);
      const int descriptor = dup(heap->descriptor());
      refuse(refusal.call, refusal.code, refusal.argument);
      if (refusal.call == SYS_newfstatat) refuse(SYS_fstat, refusal.code);  // as libraries have it
      const auto refused =
          CHECK_THROWS<SystemRefused>([&] { Heap::attach(descriptor, false)->disown(); });
      if (refused.code != refusal.told) fail(refused.what());
      CHECK(close(descriptor) == 0);  // it is still the caller's
      CHECK(heap->members().size() == 1);
      heap->check();
    });
  }
}
