#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

#include "core/heap/heap.hpp"
#include "cpp/core/model.hpp"
#include "cpp/core/shared_heap.hpp"
#include "cpp/refusing.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

/// What is done for a process that died with the lock: whoever gets the lock must be able to do it,
/// however little the system leaves to it.

#if RHEAP_CHECK >= 2

namespace {

std::uint64_t stores_left = 0;

/// A process dies with the lock, at this store of what it does.
template <typename Work>
void die_in_lock(std::uint64_t store, Work&& work) {
  const pid_t child = fork();
  if (child == 0) {
    stores_left = store;
    after_store = [] {
      if (--stores_left == 0) kill(getpid(), SIGKILL);
    };
    work();
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

}  // namespace

TEST("a process that gets no more memory repairs a heap of many blocks") {
  const Unchecked unchecked;
  SharedHeap owner(std::uint64_t{64} << 20, 262'144);
  Heap& heap = *owner;
  std::vector<Handle> blocks(200'000);
  for (Handle& block : blocks) heap.alloc(block, 8, 8);
  die_in_lock(4, [&] {
    Handle block;
    heap.alloc(block, 8, 8);
  });
  in_child(60, [&] {
    if (can_be_starved) {
      refuse(SYS_brk, ENOMEM);
      refuse(SYS_mmap, ENOMEM);
    }
    heap.bury_dead();
  });
  heap.bury_dead();
  heap.check();
  CHECK(live_blocks(heap) == 200'000);
  for (Handle& block : blocks) heap.free(block);
  heap.check();
  CHECK(live_blocks(heap) == 0);
}

#endif
