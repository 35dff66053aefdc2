#include "core/system/robust_lock.hpp"

#include <cerrno>

namespace rheap::system {

int RobustLock::make() noexcept {
  pthread_mutexattr_t attributes;
  int code = pthread_mutexattr_init(&attributes);
  if (code != 0) return code;
  code = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  if (code == 0) code = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  if (code == 0) code = pthread_mutex_init(&mutex_, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return code;
}

RobustLock::Taken RobustLock::try_to_take() noexcept {
  const int code = pthread_mutex_trylock(&mutex_);
  if (code == 0) return Taken::yes;
  return code == EOWNERDEAD ? Taken::from_dead : Taken::no;
}

}  // namespace rheap::system
