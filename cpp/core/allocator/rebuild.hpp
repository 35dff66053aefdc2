#pragma once

#include "core/allocator/allocator.hpp"

namespace rheap {

/// Makes footers, marks, lists and counters anew from the list of blocks, after a process was
/// killed in the middle of a change. It asks for no memory. Throws Damage.
void rebuild(Allocator& allocator);

}  // namespace rheap
