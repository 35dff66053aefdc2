#pragma once

#include "core/handles/handles.hpp"

namespace rheap {

/// The owners of a heap's handles. Each call comes with the heap's lock held, so it must not call
/// the heap, nor wait for a thread that does.
class Owners {
 public:
  /// Whether nobody but the handle knows the block's address.
  virtual bool may_move(const Handle& handle) noexcept = 0;
  /// The block was moved; `from` is where its payload was.
  virtual void moved(Handle& handle, Offset from) noexcept = 0;

 protected:
  ~Owners() = default;
};

}  // namespace rheap
