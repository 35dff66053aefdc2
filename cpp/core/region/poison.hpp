#pragma once

#include <cstddef>

/// Under AddressSanitizer the free payload of the region is poisoned, so that a read or a write
/// through a stale pointer is reported where it happens. Words, links and footers never are.
#if defined(__SANITIZE_ADDRESS__)
#define RHEAP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RHEAP_ASAN 1
#endif
#endif

#ifdef RHEAP_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace rheap {

inline void poison([[maybe_unused]] const std::byte* begin, [[maybe_unused]] std::size_t bytes) {
#ifdef RHEAP_ASAN
  __asan_poison_memory_region(begin, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const std::byte* begin, [[maybe_unused]] std::size_t bytes) {
#ifdef RHEAP_ASAN
  __asan_unpoison_memory_region(begin, bytes);
#endif
}

}  // namespace rheap
