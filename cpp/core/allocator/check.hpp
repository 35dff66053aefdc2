#pragma once

#include "core/allocator/allocator.hpp"

namespace rheap {

/// Verifies every invariant of layout.hpp. Throws Damage for the first that fails.
void check_invariants(const Allocator& allocator);

/// Throws Damage unless the counters are what a walk counted.
void verify_counters(const Counters& counters, const Tally& live, const Tally& deferred,
                     const Tally& free);

}  // namespace rheap
