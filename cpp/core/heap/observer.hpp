#pragma once

#include <cstdint>

#include "core/compaction/sliding.hpp"
#include "core/handles/handles.hpp"

namespace rheap {

/// Sees what happens to the blocks of a heap. Each call comes with the heap's lock held, so it must
/// not call the heap nor wait for a thread that does. `Handle::seen_as` belongs to the observer; it
/// is 0 for a block that is older than the observation.
class Observer {
 public:
  virtual void allocated(Handle& handle) noexcept = 0;
  /// `bytes`: what the block had before.
  virtual void resized(Handle& handle, std::uint64_t bytes) noexcept = 0;
  virtual void released(Handle& handle) noexcept = 0;
  /// On request: what a heap moves by itself it does not tell.
  virtual void compacted(const CompactionBounds& bounds,
                         const CompactionFigures& figures) noexcept = 0;
  /// In a forked child, whose copy of the heap nobody observes from here on.
  virtual void forked() noexcept = 0;

 protected:
  ~Observer() = default;
};

}  // namespace rheap
