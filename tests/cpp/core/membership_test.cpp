#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <vector>

#include "core/heap/heap.hpp"
#include "core/system/memory_file.hpp"
#include "core/system/refused.hpp"
#include "cpp/core/model.hpp"
#include "cpp/core/shared_heap.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

TEST("a block of a shared heap is seen by all who attached, and lives as long as one has it") {
  SharedHeap one(1 << 20);
  SharedHeap two(one);
  Handle mine;
  one->alloc(mine, 100, 64);
  fill(one->address(mine), 100, 7);
  const Ticket ticket = one->send(mine);
  one->free(mine);
  CHECK(live_blocks(*two) == 1);  // the ticket has it
  Handle theirs;
  two->claim(theirs, ticket);
  CHECK(theirs.bytes == 100 && theirs.align == 64);
  CHECK(filled(two->address(theirs), 100, 7));
  Handle again;
  two->claim(again, ticket);  // spent, but the block lives
  CHECK(again.payload == theirs.payload);
  two->free(theirs);
  CHECK(live_blocks(*one) == 1);
  one->check();
  two->check();
  two->free(again);
  CHECK(live_blocks(*one) == 0);
  CHECK_THROWS<Gone>([&] { one->claim(mine, ticket); });
  one->check();
  two->check();
}

TEST("whoever leaves gives back what it had, and its tickets stay") {
  SharedHeap one(1 << 20);
  Ticket ticket{};
  {
    SharedHeap two(one);
    Handle kept;
    Handle sent;
    two->alloc(kept, 1000, 8);
    two->alloc(sent, 2000, 8);
    ticket = two->send(sent);
    CHECK(one->members().size() == 2);
    CHECK(one->in_flight().size() == 1);
    two->free(sent);
    two->free(kept);
  }
  CHECK(one->members().size() == 1);
  CHECK(one->in_flight().at(0).sender == InFlight::Sender::left);
  CHECK(live_blocks(*one) == 1);
  Handle claimed;
  one->claim(claimed, ticket);
  CHECK(claimed.bytes == 2000);
  one->free(claimed);
  one->check();
}

TEST("what the dead had comes back, and what they sent can still be claimed") {
  SharedHeap heap(1 << 20);
  int pipe_ends[2];
  CHECK(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    Handle kept;
    Handle sent;
    heap->alloc(kept, 1000, 8);
    heap->alloc(sent, 3000, 8);
    fill(heap->address(sent), 3000, 3);
    const Ticket ticket = heap->send(sent);
    static_cast<void>(!write(pipe_ends[1], &ticket, sizeof ticket));
    _exit(0);
  }
  CHECK(waitpid(child, nullptr, 0) == child);
  CHECK(live_blocks(*heap) == 2);
  CHECK(heap->bury_dead() == 1);
  CHECK(live_blocks(*heap) == 1);
  CHECK(heap->in_flight().at(0).sender == InFlight::Sender::died);
  Ticket ticket{};
  CHECK(read(pipe_ends[0], &ticket, sizeof ticket) == sizeof ticket);
  Handle claimed;
  heap->claim(claimed, ticket);
  CHECK(filled(heap->address(claimed), 3000, 3));
  heap->free(claimed);
  heap->check();
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST("a forked child has what its parent had") {
  SharedHeap heap(1 << 20);
  Handle block;
  heap->alloc(block, 5000, 8);
  fill(heap->address(block), 5000, 9);
  int go[2];
  CHECK(pipe(go) == 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    char byte = 0;
    static_cast<void>(!read(go[0], &byte, 1));
    bool right = filled(heap->address(block), 5000, 9) && heap->members().size() == 2;
    heap->check();
    heap->free(block);
    right = right && live_blocks(*heap) == 0;
    _exit(right ? 0 : 1);
  }
  const std::vector<Member> members = heap->members();
  CHECK(members.size() == 2 && members[1].inherited && members[1].blocks == 1);
  heap->free(block);  // the child's is left
  CHECK(live_blocks(*heap) == 1);
  heap->check();
  static_cast<void>(!write(go[1], "x", 1));
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(heap->bury_dead() == 1);
  heap->check();
  close(go[0]);
  close(go[1]);
}

TEST("a block that others have is not resized") {
  SharedHeap one(1 << 20);
  SharedHeap two(one);
  Handle mine;
  one->alloc(mine, 100, 8);
  one->resize(mine, 5000);
  fill(one->address(mine), 5000, 5);
  const Ticket ticket = one->send(mine);
  CHECK_THROWS<HeldByOthers>([&] { one->resize(mine, 6000); });
  Handle theirs;
  two->claim(theirs, ticket);
  CHECK_THROWS<HeldByOthers>([&] { one->resize(mine, 6000); });
  two->free(theirs);
  one->resize(mine, 60000);
  CHECK(filled(one->address(mine), 5000, 5));
  one->check();
  one->free(mine);
}

TEST("a request is refused only after the dead and their tickets are gone") {
  SharedHeap heap(1 << 20);
  const pid_t child = fork();
  if (child == 0) {
    Handle kept;
    Handle sent;
    heap->alloc(kept, 400 << 10, 8);
    heap->alloc(sent, 400 << 10, 8);
    heap->send(sent);
    _exit(0);
  }
  CHECK(waitpid(child, nullptr, 0) == child);
  Handle half;
  heap->alloc(half, 390 << 10, 8);
  CHECK(heap->in_flight().size() == 1);
  Handle rest;
  heap->alloc(rest, 500 << 10, 8);
  CHECK(heap->in_flight().empty());
  CHECK_THROWS<Exhausted>([&] {
    Handle more;
    heap->alloc(more, 400 << 10, 8);
  });
  heap->check();
  heap->free(half);
  heap->free(rest);
}

TEST("of the tickets of the dead the oldest goes first, and no more than it takes") {
  SharedHeap heap(1 << 20);
  int pipe_ends[2];
  CHECK(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    for (int count = 0; count < 2; ++count) {
      Handle sent;
      heap->alloc(sent, 400 << 10, 8);
      const Ticket ticket = heap->send(sent);
      static_cast<void>(!write(pipe_ends[1], &ticket, sizeof ticket));
    }
    _exit(0);
  }
  CHECK(waitpid(child, nullptr, 0) == child);
  Ticket tickets[2];
  CHECK(read(pipe_ends[0], tickets, sizeof tickets) == sizeof tickets);
  Handle block;
  heap->alloc(block, 400 << 10, 8);
  Handle claimed;
  CHECK_THROWS<Gone>([&] { heap->claim(claimed, tickets[0]); });
  heap->claim(claimed, tickets[1]);
  heap->check();
  heap->free(claimed);
  heap->free(block);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST("a process that died is not kept alive by the child that it forked") {
  SharedHeap heap(1 << 20);
  int pipe_ends[2];
  CHECK(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      alarm(20);
      pause();
    }
    static_cast<void>(!write(pipe_ends[1], &grandchild, sizeof grandchild));
    _exit(0);
  }
  CHECK(waitpid(child, nullptr, 0) == child);
  pid_t grandchild = 0;
  CHECK(read(pipe_ends[0], &grandchild, sizeof grandchild) == sizeof grandchild);
  const std::vector<Member> members = heap->members();
  kill(grandchild, SIGKILL);
  CHECK(members.size() == 2);
  CHECK(std::ranges::none_of(
      members, [&](const Member& each) { return each.pid == static_cast<std::uint32_t>(child); }));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

#if RHEAP_CHECK >= 2

namespace {
std::uint64_t stores_before_death = 0;
}

TEST("a process killed while it forks leaves nothing to who has its child's place next") {
  CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  for (std::uint64_t store = 1; store <= 24; ++store) {
    SharedHeap heap(1 << 20);
    const pid_t child = fork();
    if (child == 0) {
      std::vector<Handle> blocks(5);
      for (Handle& block : blocks) heap->alloc(block, 100, 8);
      stores_before_death = store;
      after_store = [] {
        if (--stores_before_death == 0) kill(getpid(), SIGKILL);
      };
      if (fork() == 0) _exit(0);
      _exit(0);
    }
    while (waitpid(-1, nullptr, 0) > 0) {  // it, and its child
    }
    SharedHeap first(heap);
    SharedHeap second(heap);  // one of them has that place
    heap->bury_dead();
    second->check();
    CHECK(live_blocks(*heap) == 0);
    CHECK(heap->members().size() == 3);
  }
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

#endif

TEST("when all records are in use the request says so, and the next that fits is served") {
  SharedHeap heap(1 << 20, 64);
  std::vector<Handle> handles(64);
  for (Handle& handle : handles) heap->alloc(handle, 8, 8);
  Handle more;
  const Exhausted full = CHECK_THROWS<Exhausted>([&] { heap->alloc(more, 8, 8); });
  CHECK(full.records == std::string("objects"));
  for (int sent = 0; sent < 64; ++sent) heap->send(handles[0]);
  CHECK(CHECK_THROWS<Exhausted>([&] { heap->send(handles[1]); }).records == std::string("tickets"));
  heap->check();
  CHECK(heap->recall(false) == 64);
  heap->free(handles[5]);
  heap->alloc(more, 8, 8);
  heap->check();
  for (Handle& handle : handles) {
    if (handle.payload) heap->free(handle);
  }
  heap->free(more);
}

namespace {
int calls_left = 0;
}

TEST("memory that the system refuses, at each call in turn, changes nothing") {
  for (int served = 0; served < 12; ++served) {
    SharedHeap heap(64 << 20, 100'000);
    std::vector<Handle> handles(40);
    calls_left = served;
    system::refuse_to_provide = [] { return calls_left-- > 0 ? 0 : ENOSPC; };
    unsigned refused = 0;
    for (Handle& handle : handles) {
      try {
        heap->alloc(handle, 300 << 10, 8);
      } catch (const SystemRefused& error) {
        CHECK(error.code == ENOSPC);
        ++refused;
      }
      heap->check();
    }
    CHECK(refused > 0);
    system::refuse_to_provide = nullptr;
    for (Handle& handle : handles) {
      if (!handle.payload) heap->alloc(handle, 300 << 10, 8);
      fill(heap->address(handle), 300 << 10, 1);
    }
    heap->check();
    for (Handle& handle : handles) heap->free(handle);
    heap->check();
  }
}

TEST("a ticket of the dead that is dropped for want of memory while it is claimed is gone") {
  SharedHeap heap(1 << 20);
  int pipe_ends[2];
  CHECK(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    Handle sent;
    heap->alloc(sent, 100, 8);
    const Ticket ticket = heap->send(sent);
    static_cast<void>(!write(pipe_ends[1], &ticket, sizeof ticket));
    _exit(0);
  }
  CHECK(waitpid(child, nullptr, 0) == child);
  Ticket ticket{};
  CHECK(read(pipe_ends[0], &ticket, sizeof ticket) == sizeof ticket);
  CHECK(heap->bury_dead() == 1);
  static unsigned refusals;
  refusals = 1;  // the memory of this process's row
  system::refuse_to_provide = [] {
    if (refusals == 0) return 0;
    --refusals;
    return ENOSPC;
  };
  Handle claimed;
  CHECK_THROWS<Gone>([&] { heap->claim(claimed, ticket); });
  system::refuse_to_provide = nullptr;
  CHECK(refusals == 0);
  CHECK(live_blocks(*heap) == 0);
  heap->check();
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST("a block that only a dead process had besides is resized") {
  SharedHeap heap(1 << 20);
  Handle block;
  heap->alloc(block, 100, 8);
  const pid_t child = fork();  // has the block, too
  if (child == 0) _exit(0);
  CHECK(waitpid(child, nullptr, 0) == child);
  heap->resize(block, 5000);
  CHECK(block.bytes == 5000);
  heap->check();
  heap->free(block);
}

TEST("what was trimmed is brought back before it is used, and reads as zero") {
  SharedHeap heap(64 << 20);
  Handle block;
  Handle fence;
  alloc_large(*heap, block, 10 << 20);
  heap->alloc(fence, 100, 8);
  fill(heap->address(block), 10 << 20, 1);
  heap->free(block);
  const std::uint64_t before = heap->measure([](Handle&) {}).resident;
  CHECK(heap->trim() >= (9 << 20));
  CHECK(heap->measure([](Handle&) {}).resident + (9 << 20) <= before);
  heap->check();
  for (const std::uint64_t bytes : {3 << 20, 5 << 20}) {
    Handle part;
    alloc_large(*heap, part, bytes);
    fill(heap->address(part), bytes, 2);
    heap->check();
    heap->free(part);
  }
  heap->free(fence);
  heap->trim();
  heap->check();
}

TEST("a descriptor that is no heap's is refused, and stays the caller's") {
  const auto refused = [](int descriptor) {
    const Mismatch mismatch =
        CHECK_THROWS<Mismatch>([&] { Heap::attach(descriptor, false)->disown(); });
    CHECK(close(descriptor) == 0);
    return std::string(mismatch.reason);
  };
  CHECK(refused(open("/dev/null", O_RDWR)) == "it is no sealed memory file");
  CHECK(refused(dup(system::make_memory_file("empty", 1 << 20).descriptor)) == "it holds no heap");
  SharedHeap heap(1 << 20);
  auto& header = *reinterpret_cast<HeapHeader*>(heap.base());
  header.version += 1;
  CHECK(refused(dup(heap->descriptor())) == "it is of another version");
  header.version -= 1;
  header.capacity += 1 << 20;
  CHECK(refused(dup(heap->descriptor())) == "its size is not what its header says");
  header.capacity -= 1 << 20;
  SharedHeap another(heap);
}

TEST("damage that one process finds, all are told") {
  SharedHeap one(1 << 20);
  SharedHeap two(one);
  Handle block;
  one->alloc(block, 100, 8);
  std::memset(one->address(block) - 8, 1, 8);
  CHECK_THROWS<Damage>([&] { one->check(); });
  CHECK_THROWS<Damage>([&] { two->members(); });  // which looks at no block
}
