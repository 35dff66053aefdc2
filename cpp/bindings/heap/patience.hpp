#pragma once

#include <cstdint>
#include <exception>

#include "bindings/heap/block.hpp"
#include "core/heap/heap.hpp"

/// How a call waits for what a shared heap may want first: its lock, which another process has, or
/// much memory at once. Nothing is held meanwhile, neither the heap's locks nor the GIL.
namespace rheap::bindings {

class Patience {
 public:
  explicit Patience(Heap* heap = nullptr) : heap_(heap) {}

  /// Waits a little longer each time. Throws Busy after 10 seconds.
  void wait();
  void provide(const Unprovided& range);

 private:
  Heap* heap_;
  std::uint64_t deadline_ = 0;
  unsigned round_ = 0;
};

/// Does `work`, again whenever it had to wait.
template <typename Work>
auto patiently(Heap& heap, Work&& work) {
  for (Patience patience(&heap);;) {
    try {
      return work();
    } catch (const Contended&) {
      patience.wait();
    } catch (const Unprovided& range) {
      patience.provide(range);
    }
  }
}

/// The same for work on a block: no other thread gives it back while this one waits. `work` comes
/// to know what changed meanwhile by looking anew.
template <typename Work>
auto patiently(BlockObject* block, Work&& work) {
  for (Patience patience(block->heap);;) {
    const auto hold = [&](auto&& waiting) {
      ++block->pins;
      try {
        waiting();
      } catch (const std::exception&) {
        unpin(block);
        throw;
      }
      unpin(block);
    };
    try {
      return work();
    } catch (const Contended&) {
      hold([&] { patience.wait(); });
    } catch (const Unprovided& range) {
      hold([&] { patience.provide(range); });
    }
  }
}

}  // namespace rheap::bindings
