#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "core/heap/heap.hpp"
#include "core/system/refused.hpp"
#include "cpp/core/model.hpp"
#include "cpp/core/shared_heap.hpp"
#include "cpp/refusing.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

/// Processes that kill themselves behind a random store to what they share: while they allocate,
/// free, send, claim, resize, trim, fork, attach, leave, bury, and while they recover what another
/// one left half done. Some of them get no more memory from the system, some fork without a
/// descriptor left, and some are stopped with the lock before they are killed. Whoever comes next
/// makes the heap whole, and loses nothing of its own.

#if RHEAP_CHECK >= 2

namespace {

constexpr std::uint64_t capacity = 512 << 10;
constexpr std::uint64_t most_blocks = 256;

/// `RHEAP_KILLS=100000` for a storm.
std::uint64_t rounds() {
  const char* wanted = std::getenv("RHEAP_KILLS");
#ifdef __SANITIZE_ADDRESS__
  constexpr std::uint64_t usual = 200;  // a fork takes longest there
#else
  constexpr std::uint64_t usual = 2000;
#endif
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : usual;
}

/// Tickets on their way, in memory that all of the storm see.
struct Mail {
  struct Letter {
    std::atomic<bool> sent;
    Ticket ticket;
    std::uint64_t seed;  ///< of what is in the block
  };
  std::array<Letter, 16> letters;
};

class SharedMail {
 public:
  SharedMail() : memory_(system::reserve(sizeof(Mail), alignof(Mail), system::Sharing::children)) {
    system::commit(memory_, sizeof(Mail));
  }
  ~SharedMail() { system::release(memory_, sizeof(Mail)); }
  SharedMail(const SharedMail&) = delete;
  SharedMail& operator=(const SharedMail&) = delete;
  Mail::Letter& letter(Random& random) const {
    return reinterpret_cast<Mail*>(memory_)->letters[random.below(16)];
  }

 private:
  std::byte* memory_;
};

std::uint64_t stores_left = 0;

int signal_at_last = 0;

void arm(int signal, std::uint64_t stores) {
  signal_at_last = signal;
  stores_left = stores;
  after_store = [] {
    if (--stores_left == 0) kill(getpid(), signal_at_last);
  };
}

/// What a process of the storm has, and does.
class Actor {
 public:
  Actor(Heap& heap, const SharedMail& mail, std::uint64_t seed)
      : heap_(heap), mail_(mail), random_(seed) {}

  void step() {
    Held& held = held_[random_.below(held_.size())];
    try {
      if (!held.handle.payload) {
        random_.one_in(3) ? claim(held) : alloc(held);
      } else if (random_.one_in(4)) {
        send(held);
      } else if (random_.one_in(4)) {
        resize(held);
      } else {
        heap_.free(held.handle);
      }
      if (random_.one_in(4)) name(held_[random_.below(held_.size())]);
      if (random_.one_in(40)) heap_.recall(random_.one_in(2));
      if (random_.one_in(60)) heap_.trim();
      if (random_.one_in(40)) heap_.bury_dead();
      if (random_.one_in(60)) fork_and_wait();
      if (random_.one_in(60)) attach_and_leave();
    } catch (const Exhausted&) {
    } catch (const HeldByOthers&) {
    } catch (const Gone&) {
    } catch (const SystemRefused&) {  // of those without memory
    } catch (const std::bad_alloc&) {
    }
  }
  void verify() {
    for (const Held& held : held_) {
      if (!held.handle.payload) continue;
      CHECK(filled(heap_.address(held.handle), held.handle.bytes, held.seed));
    }
  }
  void free_all() {
    for (Held& held : held_) {
      if (held.handle.payload) heap_.free(held.handle);
    }
  }
  /// In a forked child: sees what its parent saw, or is told that it must not look.
  void be_a_child() {
    if (heap_.is_excluded()) {
      CHECK_THROWS<SystemRefused>([&] { heap_.bury_dead(); });
    } else {
      verify();
      for (int i = 0; i < 5; ++i) heap_.bury_dead();
    }
    free_all();
  }

 private:
  struct Held {
    Handle handle;
    std::uint64_t seed;
  };

  void write(Held& held) {
    held.seed = random_.below(256);
    fill(heap_.address(held.handle), held.handle.bytes, held.seed);
  }
  void alloc(Held& held) {
    heap_.alloc(held.handle, random_.size(15), random_.one_in(3) ? random_.align(10) : 8);
    write(held);
  }
  void resize(Held& held) {
    const std::uint64_t before = held.handle.bytes;
    heap_.resize(held.handle, random_.size(15));
    CHECK(filled(heap_.address(held.handle), std::min(before, held.handle.bytes), held.seed));
    write(held);
  }
  void send(Held& held) {
    Mail::Letter& letter = mail_.letter(random_);
    letter.sent = false;
    letter.ticket = heap_.send(held.handle);
    letter.seed = held.seed;
    letter.sent = true;
    // From here on others may look at it, so it stays as it is.
    heap_.free(held.handle);
  }
  void claim(Held& held) {
    Mail::Letter& letter = mail_.letter(random_);
    if (!letter.sent.exchange(false)) return;
    heap_.claim(held.handle, letter.ticket);
    held.seed = letter.seed;
    const bool whole = filled(heap_.address(held.handle), held.handle.bytes, held.seed);
    if (!whole) fail("a wrong byte in a block that was sent");
  }
  /// What stands under a name: the old block or the new one, never another.
  struct Named {
    Ticket ticket;
    std::uint64_t seed;
  };
  void name(Held& held) {
    const std::string name(1 + random_.below(40), static_cast<char>('a' + random_.below(4)));
    if (random_.one_in(8)) heap_.withdraw(name);
    if (held.handle.payload) {
      if (!random_.one_in(2)) return;
      const Named value{heap_.send(held.handle), held.seed};
      heap_.publish(name, {reinterpret_cast<const char*>(&value), sizeof value}, value.ticket);
      heap_.free(held.handle);  // others may look at it from here on
      return;
    }
    const auto found = heap_.look_up(name);
    if (!found) return;
    Named value{};
    CHECK(found->size() == sizeof value);
    std::memcpy(&value, found->data(), sizeof value);
    heap_.claim(held.handle, value.ticket);
    held.seed = value.seed;
    const bool whole = filled(heap_.address(held.handle), held.handle.bytes, held.seed);
    if (!whole) fail("a wrong byte in a block that was named");
    heap_.free(held.handle);
  }
  /// The child does a little and ends, one way or another; so may its parent meanwhile.
  void fork_and_wait() {
    const bool starved = can_be_starved && random_.one_in(3);
    const rlim_t descriptors = starved ? limit(RLIMIT_NOFILE, 0) : 0;
    // A child that were stopped would be waited for.
    const int signal = std::exchange(signal_at_last, SIGKILL);
    const pid_t child = fork();
    if (starved) limit(RLIMIT_NOFILE, descriptors);
    if (child == 0) {
      alarm(20);
      const std::string failure = failure_of([&] {
        if (starved && !heap_.is_excluded()) fail("a child without a descriptor has a place");
        be_a_child();
      });
      if (!failure.empty()) std::fprintf(stderr, "%s\n", failure.c_str());
      _exit(failure.empty() ? 0 : 1);
    }
    signal_at_last = signal;
    if (child < 0) return;
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
  }
  void attach_and_leave() {
    for (;;) {
      const int descriptor = dup(heap_.descriptor());
      if (descriptor < 0) return;
      try {
        Heap* other = Heap::attach(descriptor, false);
        Handle block;
        try {
          other->alloc(block, 100, 8);
        } catch (const Exhausted&) {
        }
        if (block.payload) other->free(block);
        other->disown();
        return;
      } catch (const Contended&) {
        close(descriptor);
      } catch (...) {
        close(descriptor);
        throw;
      }
    }
  }

  Heap& heap_;
  const SharedMail& mail_;
  Random random_;
  std::array<Held, 12> held_{};
};

void act_until_killed(Heap& heap, const SharedMail& mail, std::uint64_t seed, int signal,
                      std::uint64_t stores) {
  alarm(30);
  if (can_be_starved && seed % 4 == 0) limit(RLIMIT_AS, 0);
  arm(signal, stores);
  const std::string failure = failure_of([&] {
    Actor actor(heap, mail, seed);
    for (;;) actor.step();
  });
  std::fprintf(stderr, "%s\n", failure.c_str());
  _exit(1);
}

/// Another process is stopped, most likely with the lock: nothing is taken from it, and who forks
/// waits no longer than it has patience for.
void fork_beside_stopped(Actor& survivor) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    std::string failure;
    do {
      failure = failure_of([&] { survivor.be_a_child(); });
    } while (failure.find("busy") != std::string::npos);
    if (!failure.empty()) std::fprintf(stderr, "%s\n", failure.c_str());
    _exit(failure.empty() ? 0 : 1);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

}  // namespace

TEST("processes killed at any store of a shared heap leave it whole") {
  Membership::patience_of_fork = 2000;
  SharedMail mail;
  Random random(std::getenv("RHEAP_SEED") != nullptr
                    ? std::strtoull(std::getenv("RHEAP_SEED"), nullptr, 10)
                    : 1);
  std::uint64_t round = 0;
  const std::uint64_t all = rounds();
  while (round < all) {
    SharedHeap heap(capacity, most_blocks);
    Actor survivor(*heap, mail, random.next());
    for (int turn = 0; turn < 200 && round < all; ++turn) {
      // One dies at work; then, every second time, some who find what it left, in the middle of
      // that.
      const std::uint64_t deaths = random.one_in(2) ? 1 + random.below(3) : 0;
      for (std::uint64_t death = 0; death <= deaths; ++death, ++round) {
        const std::uint64_t kill_at = 1 + random.below(death == 0 ? 4000 : 300);
        const std::uint64_t seed = random.next();
        const int signal = random.one_in(8) ? SIGSTOP : SIGKILL;
        const pid_t child = fork();
        if (child == 0) act_until_killed(*heap, mail, seed, signal, kill_at);
        int status = 0;
        CHECK(waitpid(child, &status, WUNTRACED) == child);
        if (WIFSTOPPED(status)) {
          fork_beside_stopped(survivor);
          kill(child, SIGKILL);
          CHECK(waitpid(child, &status, 0) == child);
        }
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
      }
      heap->check();
      survivor.verify();
      for (int step = 0; step < 10; ++step) survivor.step();
      survivor.verify();
      heap->check();
    }
    survivor.free_all();
    heap->bury_dead();
    heap->recall(true);
    heap->recall(false);
    for (const std::string& name : heap->names()) heap->withdraw(name);
    heap->defrag();
    const Heap::Report report = heap->measure([](Handle&) {});
    CHECK(report.counters.live.blocks == 0);
    CHECK(report.wilderness == capacity);
  }
}

#endif
