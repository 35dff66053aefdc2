#include "replay/targets.hpp"

#include <dlfcn.h>

namespace rheap::replay {

std::string MallocTarget::library() {
  Dl_info found{};
  const bool known = dladdr(reinterpret_cast<void*>(&std::malloc), &found) != 0;
  return known && found.dli_fname != nullptr ? found.dli_fname : "unknown library";
}

}  // namespace rheap::replay
