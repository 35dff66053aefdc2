#pragma once

#include <cstdint>

#include "core/region/layout.hpp"

namespace rheap {

/// What a process expects the header of a heap to say. (The version stands for the layout: the
/// sizes of words, links and of the header itself.)
struct HeaderFacts {
  std::uint64_t capacity;
  std::uint64_t secret;
  std::uint16_t policy;
  bool fenced;
};

/// Invariant 8: throws Damage for the first field that does not say what it should, with that
/// field's place and words for it.
void verify_header(const HeapHeader& header, const HeaderFacts& expected);

}  // namespace rheap
