#include "core/region/poison.hpp"

#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;

#ifdef RHEAP_ASAN
namespace {

/// Whether the bytes from `start` to before `end` are all poisoned, or none of them.
bool all_are(bool poisoned, const Allocator& allocator, Offset start, Offset end) {
  for (Offset at = start; at < end; at = at + word_bytes) {
    if ((__asan_address_is_poisoned(allocator.region().address(at)) != 0) != poisoned) return false;
  }
  return true;
}

void verify_poison(const Allocator& allocator) {
  allocator.blocks().walk([&](Offset block, Word word) {
    const Offset end = block + word.size();
    switch (word.state()) {
      case State::live:
        CHECK(all_are(false, allocator, block, end));
        break;
      case State::deferred:
        CHECK(all_are(false, allocator, block, previous_link_of(block)));
        CHECK(all_are(true, allocator, previous_link_of(block), end));
        break;
      default:
        CHECK(all_are(false, allocator, block, block + smallest_block));
        CHECK(all_are(true, allocator, block + smallest_block, footer_of(block, word.size())));
        CHECK(all_are(false, allocator, footer_of(block, word.size()), end));
    }
  });
}

}  // namespace
#endif

TEST("under AddressSanitizer what nobody owns is poisoned but for words, links and footers") {
#ifdef RHEAP_ASAN
  for (const Coalesce coalesce : {Coalesce::deferred, Coalesce::immediate}) {
    Allocator allocator({.capacity = 256 << 10, .coalesce = coalesce});
    Model model(allocator, 1);
    for (int step = 0; step < 2000; ++step) {
      model.step({.size_bits = 12, .align_bits = 9});
      verify_poison(allocator);
    }
    model.release_all();
    allocator.defrag();
    CHECK(allocator.blocks().wilderness() == first_block);
  }
#endif
}
