#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/heap/heap.hpp"
#include "core/system/refused.hpp"
#include "cpp/core/model.hpp"
#include "cpp/core/shared_heap.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

/// Whatever stands in the tables that processes share, and in tickets: no signal, no hang, and no
/// byte of a block that somebody has is touched.

namespace {

/// `RHEAP_FORGERIES=1000000` for more.
std::uint64_t rounds() {
  const char* wanted = std::getenv("RHEAP_FORGERIES");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 10'000;
}

struct Filled {
  Handle handle;
  std::uint64_t seed = 0;
};

void alloc_filled(Heap& heap, Filled& block, Random& random) {
  heap.alloc(block.handle, random.size(12), 8);
  block.seed = random.below(256);
  fill(heap.address(block.handle), block.handle.bytes, block.seed);
}

void verify(Heap& heap, const std::vector<Filled>& blocks) {
  for (const Filled& block : blocks) {
    if (!block.handle.payload) continue;
    CHECK(filled(heap.address(block.handle), block.handle.bytes, block.seed));
  }
}

/// A handle that is given back whatever happens.
class Bound {
 public:
  explicit Bound(Heap& heap) : heap_(heap) {}
  ~Bound() {
    if (!handle.payload) return;
    try {
      heap_.free(handle);
    } catch (const Damage&) {
    }
  }
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;

  Handle handle;

 private:
  Heap& heap_;
};

/// Everything that reads the tables.
void use(Heap& heap, const std::vector<Ticket>& tickets, Random& random) {
  const auto attempt = [](auto&& work) {
    try {
      work();
    } catch (const SharingError&) {
    } catch (const Exhausted&) {
    } catch (const SystemRefused&) {
    }
  };
  Bound block(heap);
  Bound claimed(heap);
  attempt([&] { heap.alloc(block.handle, random.size(12), 8); });
  if (block.handle.payload) attempt([&] { heap.send(block.handle); });
  attempt([&] { heap.claim(claimed.handle, tickets[random.below(tickets.size())]); });
  attempt([&] { static_cast<void>(heap.in_flight()); });
  attempt([&] { static_cast<void>(heap.members()); });
  attempt([&] { heap.recall(random.one_in(2)); });
  attempt([&] { heap.walk([](const Heap::Seen&) {}); });
  heap.check();
}

/// A word of the header's part for sharing (but the lock, which is the C library's) or of a table.
std::uint64_t* shared_word(std::byte* base, const SegmentShape& shape, Random& random) {
  constexpr std::uint64_t scalars = offsetof(HeapHeader, shared) + offsetof(SharedHeader, holder);
  constexpr std::uint64_t scalar_words =
      (sizeof(SharedHeader) - offsetof(SharedHeader, holder)) / 8;
  const std::uint64_t places[] = {
      scalars + 8 * random.below(scalar_words),
      shape.slots_at() + 8 * random.below(16),
      shape.objects_at() + 8 * random.below(100),
      shape.tickets_at() + 8 * random.below(40),
      shape.rows_at() + shape.row_bytes() * random.below(2) + 8 * random.below(4),
  };
  return reinterpret_cast<std::uint64_t*>(base + places[random.below(std::size(places))]);
}

}  // namespace

TEST("random words in the tables of a shared heap end in an error, or do nothing") {
  in_child(500, [] {
    const Unchecked unchecked;
    Random random(3);
    for (std::uint64_t round = 0; round < rounds() / 10; ++round) {
      constexpr SegmentShape shape{256 << 10, 64};
      SharedHeap one(shape.capacity, shape.objects);
      SharedHeap two(one);
      std::vector<Filled> mine(10);
      std::vector<Filled> theirs(10);
      std::vector<Ticket> tickets;
      for (Filled& block : mine) alloc_filled(*one, block, random);
      for (Filled& block : theirs) alloc_filled(*two, block, random);
      for (int i = 0; i < 5; ++i) tickets.push_back(one->send(mine[random.below(10)].handle));
      for (int i = 0; i < 3; ++i) two->free(theirs[static_cast<std::size_t>(i)].handle);
      for (int wild = 0; wild < 3; ++wild) {
        std::uint64_t& word = *shared_word(one.base(), shape, random);
        const std::uint64_t bit = std::uint64_t{1} << random.below(64);
        word = random.one_in(2) ? word ^ bit : random.next() >> random.below(64);
      }
      for (Heap* heap : {&*one, &*two}) {
        try {
          use(*heap, tickets, random);
        } catch (const Damage&) {
        }
      }
      for (SharedHeap* heap : {&one, &two}) {
        for (Filled& block : heap == &one ? mine : theirs) {
          if (!block.handle.payload) continue;
          try {
            (*heap)->free(block.handle);
          } catch (const Damage&) {
          }
        }
      }
    }
  });
}

TEST("forged and spent tickets give no block but their own") {
  Random random(5);
  SharedHeap one(256 << 10, 64);
  SharedHeap two(one);
  std::vector<Filled> mine(10);
  for (Filled& block : mine) alloc_filled(*one, block, random);
  for (std::uint64_t round = 0; round < rounds(); ++round) {
    Filled& sent = mine[random.below(10)];
    const Ticket ticket = one->send(sent.handle);
    Ticket forged = ticket;
    auto* bytes = reinterpret_cast<unsigned char*>(&forged);
    if (random.one_in(3)) {
      for (std::size_t at = 0; at < sizeof forged; ++at) {
        bytes[at] = static_cast<unsigned char>(random.next());
      }
    } else {
      bytes[random.below(sizeof forged)] ^= static_cast<unsigned char>(1 + random.below(255));
    }
    Handle got;
    try {
      two->claim(got, forged);
      // Only the ticket itself was forged: its object is still the one that it names, as for a
      // ticket that is spent.
      CHECK(forged.object == ticket.object && forged.object_serial == ticket.object_serial);
      CHECK(got.payload == sent.handle.payload);
      two->free(got);
    } catch (const Gone&) {
    }
    two->claim(got, ticket);
    CHECK(filled(two->address(got), got.bytes, sent.seed));
    two->free(got);
    if (random.one_in(8)) {
      one->free(sent.handle);
      CHECK_THROWS<Gone>([&] { two->claim(got, ticket); });
      alloc_filled(*one, sent, random);
      CHECK_THROWS<Gone>([&] { two->claim(got, ticket); });  // another block in its place
    }
  }
  verify(*one, mine);
  one->check();
  for (Filled& block : mine) one->free(block.handle);
}

TEST("threads of several mappings of one segment allocate, send and claim at once") {
  SharedHeap first(4 << 20, 4096);
  in_threads(4, [&](unsigned number) {
    SharedHeap own(first);
    Random random(number);
    std::vector<Filled> blocks(20);
    std::vector<Ticket> tickets;
    const auto insist = [](auto&& work) {
      for (;;) {
        try {
          return work();
        } catch (const Contended&) {
          std::this_thread::yield();
        }
      }
    };
    for (int step = 0; step < 3000; ++step) {
      Filled& block = blocks[random.below(20)];
      if (block.handle.payload) {
        CHECK(filled(own->address(block.handle), block.handle.bytes, block.seed));
        if (random.one_in(3)) insist([&] { tickets.push_back(own->send(block.handle)); });
        own->free(block.handle);
      } else if (!tickets.empty() && random.one_in(2)) {
        insist([&] { own->claim(block.handle, tickets.back()); });
        tickets.pop_back();
        block.seed = random.below(256);
        fill(own->address(block.handle), block.handle.bytes, block.seed);
      } else {
        insist([&] { alloc_filled(*own, block, random); });
      }
      if (step % 500 == 0) insist([&] { own->check(); });
    }
    for (Filled& block : blocks) {
      if (block.handle.payload) own->free(block.handle);
    }
  });
  first->recall(false);
  first->check();
}
