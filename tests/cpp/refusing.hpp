#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "cpp/testing.hpp"

/// How a test has the system refuse a call. What is set here stays for good, in this process and
/// its children: so it runs `in_child`.
namespace rheap::testing {

/// One argument of a system call by which those to be refused are told from others.
struct Argument {
  unsigned number;
  std::uint32_t value;
};

/// From here on the system answers this call with this error.
inline void refuse(int call, int code, std::optional<Argument> argument = std::nullopt) {
  const auto load = [](std::size_t at) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(at));
  };
  const auto pass_unless = [](std::uint32_t value, unsigned char left) {
    return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, left);
  };
  std::vector<sock_filter> filter{load(offsetof(seccomp_data, nr))};
  filter.push_back(pass_unless(static_cast<std::uint32_t>(call), argument ? 3 : 1));
  if (argument) {
    filter.push_back(load(offsetof(seccomp_data, args) + 8 * argument->number));
    filter.push_back(pass_unless(argument->value, 1));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(code)));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/// AddressSanitizer itself maps memory and opens files, and must be refused neither.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool can_be_starved = false;
#else
inline constexpr bool can_be_starved = true;
#endif

/// Sets a limit of this process, up to what it may set. Returns what it was.
inline rlim_t limit(__rlimit_resource resource, rlim_t value) {
  rlimit limits{};
  CHECK(getrlimit(resource, &limits) == 0);
  const rlim_t before = limits.rlim_cur;
  limits.rlim_cur = std::min(value, limits.rlim_max);
  CHECK(setrlimit(resource, &limits) == 0);
  return before;
}

}  // namespace rheap::testing
