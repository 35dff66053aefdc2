#include "core/region/region.hpp"

#include <algorithm>

#include "core/region/private_memory.hpp"
#include "core/region/word.hpp"
#include "core/system/memory.hpp"
#include "core/system/refused.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

TEST("a region starts at 2 MiB, its header at nothing allocated") {
  for (const auto sharing : {system::Sharing::alone, system::Sharing::children}) {
    const Region region(std::make_shared<PrivateMemory>(1000, sharing));
    CHECK(reinterpret_cast<std::uintptr_t>(region.base()) % largest_align == 0);
    CHECK(region.capacity() == 1000 && region.end() == first_block + 1000);
    const HeapHeader& header = region.header();
    CHECK(header.magic == HeapHeader::magic_value);
    CHECK(header.version == HeapHeader::current_version);
    CHECK(header.secret == region.secret() && header.capacity == 1000);
    const Seal seal(region.secret());
    for (const SealedOffset* field : {&header.wilderness, &header.fresh}) {
      CHECK(seal.holds(region.place_of(*field), field->raw));
      CHECK(Seal::target(field->raw) == first_block);
    }
    CHECK(region.end() <= region.committed());
  }
}

TEST("a region commits as it grows and never beyond its mapping") {
  Region region(std::make_shared<PrivateMemory>(256 << 20, system::Sharing::alone));
  Offset committed = region.committed();
  CHECK(committed.value < 16 << 20);
  while (committed < region.end()) {
    region.commit(committed + 1);
    CHECK(region.committed() > committed);
    committed = region.committed();
    *region.address(committed - 1) = std::byte{1};
  }
  CHECK(committed - region.end() < system::page_bytes());
  CHECK(region.resident() < 1 << 20);
}

TEST("discarded pages leave memory and read as zero, those at the edges stay") {
  for (const auto sharing : {system::Sharing::alone, system::Sharing::children}) {
    Region region(std::make_shared<PrivateMemory>(1 << 20, sharing));
    region.commit(region.end());
    const std::uint64_t page = system::page_bytes();
    const Offset begin{align_up(first_block.value, page) + page};
    const Offset end = begin + 16 * page;
    std::fill(region.address(begin - page), region.address(end + page), std::byte{0x55});
    CHECK(region.discard(begin - 8, end + 8) == 16 * page);
    CHECK(std::all_of(region.address(begin), region.address(end),
                      [](std::byte b) { return b == std::byte{0}; }));
    CHECK(*region.address(begin - 1) == std::byte{0x55} && *region.address(end) == std::byte{0x55});
    CHECK(region.discard(begin + 8, begin + page) == 0);
  }
}

TEST("a region that was prefaulted is in memory") {
  Region region(std::make_shared<PrivateMemory>(4 << 20, system::Sharing::alone));
  region.prefault();
  CHECK(region.resident() >= region.capacity());
}

TEST("a region that the system refuses is SystemRefused") {
  const SystemRefused refused =
      CHECK_THROWS<SystemRefused>([] { PrivateMemory(std::uint64_t{1} << 60); });
  CHECK(refused.code == ENOMEM);
}

TEST("a region whose large blocks are to have huge pages commits as much as without") {
  for (const auto sharing : {system::Sharing::alone, system::Sharing::children}) {
    Region region(std::make_shared<PrivateMemory>(64 << 20, sharing));
    const Offset begin = first_block + 8;
    const Offset end = begin + (std::uint64_t{5} << 20);
    region.commit_for_block(begin, end);
    CHECK(region.committed() >= end);
    CHECK(region.resident() < 1 << 20);
    std::fill(region.address(begin), region.address(end), std::byte{0x55});
    CHECK(region.resident() >= std::uint64_t{5} << 20);
    CHECK(region.resident() <= end.value + system::page_bytes());
  }
}
