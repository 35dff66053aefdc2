#pragma once

#include <pthread.h>

namespace rheap::system {

/// A lock that lies in memory which several processes share, and that does not stay taken when the
/// thread or process that has it dies: the next one gets it, and is told.
class RobustLock {
 public:
  enum class Taken {
    no,         ///< somebody else has it
    yes,        ///< in good order
    from_dead,  ///< the last holder died with it: what it guards may be half done
  };

  /// In memory that nobody else can see yet. Returns 0 or the error.
  int make() noexcept;
  Taken try_to_take() noexcept;
  /// To be said after `from_dead`, when what the lock guards is whole again.
  void is_whole() noexcept { pthread_mutex_consistent(&mutex_); }
  void give() noexcept { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

}  // namespace rheap::system
