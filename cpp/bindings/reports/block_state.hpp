#pragma once

#include <array>
#include <cstddef>

#include "bindings/heap/block.hpp"
#include "core/heap/heap.hpp"

namespace rheap::bindings {

/// What a block is to the people who look at a heap: the state that its word says, and of live
/// blocks what only their handles know.
enum class BlockState : unsigned char { live, pinned, exposed, lingering, deferred, free };

/// Their names, in this order: the only place where they are written in C++.
inline constexpr std::array state_names{
    name_of(State::live), "pinned", "exposed", "lingering", name_of(State::deferred),
    name_of(State::free)};

/// Whether a block is not the heap's to give.
constexpr bool is_live(BlockState state) { return state < BlockState::deferred; }

inline BlockState state_of_live(const BlockObject& block) {
  if (block.closed) return BlockState::lingering;
  if (block.pins > 0) return BlockState::pinned;
  return block.exposed ? BlockState::exposed : BlockState::live;
}

/// What the word alone says.
constexpr BlockState state_of(State state) {
  if (state == State::deferred) return BlockState::deferred;
  return state == State::free ? BlockState::free : BlockState::live;
}

inline BlockState state_of(const Heap::Seen& seen) {
  // Of a damaged region a live block may have no handle.
  if (seen.state != State::live || seen.handle == nullptr) return state_of(seen.state);
  return state_of_live(*block_of_handle(*seen.handle));
}

}  // namespace rheap::bindings
