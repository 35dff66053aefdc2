#pragma once

namespace rheap::system {

/// Has every thread of the process that is running pass a full memory barrier. Returns false,
/// always, where the system cannot do that.
bool fence_all_threads() noexcept;
/// For a lock: pause, then yield, then sleep, as `round` grows.
void wait_a_little(unsigned round) noexcept;

}  // namespace rheap::system
