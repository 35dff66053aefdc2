#include "core/system/fork.hpp"

#include <pthread.h>

namespace rheap::system {

void around_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) {
  pthread_atfork(before, in_parent, in_child);
}

}  // namespace rheap::system
