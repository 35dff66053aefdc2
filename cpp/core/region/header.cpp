#include "core/region/header.hpp"

#include <cstddef>

#include "core/region/errors.hpp"

namespace rheap {

void verify_header(const HeapHeader& header, const HeaderFacts& expected) {
  const auto verify = [](bool holds, std::uint64_t place, const char* invariant) {
    if (!holds) throw Damage({place}, invariant);
  };
  verify(header.magic == HeapHeader::magic_value, offsetof(HeapHeader, magic),
         "a header that begins with the magic number of a heap");
  verify(header.version == HeapHeader::current_version, offsetof(HeapHeader, version),
         "a header of this version of the layout");
  verify(header.fenced == (expected.fenced ? 1 : 0), offsetof(HeapHeader, fenced),
         "a header that says whether blocks have fences");
  verify(header.policy == expected.policy, offsetof(HeapHeader, policy),
         "a header that names the heap's placement policy");
  verify(header.capacity == expected.capacity, offsetof(HeapHeader, capacity),
         "a header that says the heap's capacity");
  verify(header.secret == expected.secret, offsetof(HeapHeader, secret),
         "a header with the heap's secret");
  verify(header.first == first_block, offsetof(HeapHeader, first),
         "a header that says where the first block starts");
}

}  // namespace rheap
