#pragma once

namespace rheap::system {

/// Registers three functions for every later fork: `before` runs just before it, `in_parent` and
/// `in_child` just after it, each in its own process.
void around_fork(void (*before)(), void (*in_parent)(), void (*in_child)());

}  // namespace rheap::system
