#pragma once

#include "core/region/block_list.hpp"
#include "core/region/region.hpp"

namespace rheap {

/// Moves the live block after a hole down to where the hole starts, and what is left of the hole
/// behind it. Returns the hole that follows it then. The block is wholly at its old place or wholly
/// at its new one whenever the process is killed; where the two overlap no store can say so, and
/// `finish_move` completes the move instead.
Block move_down(Region& region, BlockList& blocks, Block hole, Block live);

/// Completes the move in the middle of which a process was killed. Until then the headers of the
/// blocks it passes over are not to be believed. Throws Damage.
void finish_move(Region& region, BlockList& blocks);

}  // namespace rheap
