#pragma once

/// All the harness that these tests need:
///
///   TEST("what holds") {
///     CHECK(1 + 1 == 2);
///     const Damage damage = CHECK_THROWS<Damage>([] { ... });
///   }
///
/// A check that fails ends its test. What may crash or hang runs `in_child`.

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

#include "core/region/errors.hpp"

namespace rheap::testing {

struct Failure {
  std::string text;
};

[[noreturn]] inline void fail(const std::string& what,
                              std::source_location where = std::source_location::current()) {
  throw Failure{std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " + what};
}

struct Test {
  const char* name;
  void (*run)();
};

inline std::vector<Test>& all_tests() {
  static std::vector<Test> tests;
  return tests;
}

struct Registration {
  Registration(const char* name, void (*run)()) { all_tests().push_back({name, run}); }
};

/// Runs `work`; returns how it failed, or an empty string.
template <typename Work>
std::string failure_of(Work&& work) {
  try {
    work();
    return {};
  } catch (const Failure& failure) {
    return failure.text;
  } catch (const Damage& damage) {
    return "unexpected Damage at " + std::to_string(damage.where.value) + ": " + damage.invariant;
  } catch (const std::exception& error) {
    return std::string("unexpected exception: ") + error.what();
  }
}

template <typename Expected, typename Work>
Expected CHECK_THROWS(Work&& work, std::source_location where = std::source_location::current()) {
  try {
    work();
  } catch (const Expected& expected) {
    return expected;
  }
  fail("nothing was thrown", where);
}

/// Whether a child may be forked beside threads that allocate: AddressSanitizer's own locks may
/// be taken at that moment, and nobody releases them in the child.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool can_fork_beside_threads = false;
#else
inline constexpr bool can_fork_beside_threads = true;
#endif

/// Runs `work` in a forked child, which must come to a good end in time.
template <typename Work>
void in_child(unsigned seconds, Work&& work,
              std::source_location where = std::source_location::current()) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(seconds);
    const std::string failure = failure_of(work);
    if (!failure.empty()) std::fprintf(stderr, "%s\n", failure.c_str());
    _exit(failure.empty() ? 0 : 1);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) fail("no child", where);
  if (WIFSIGNALED(status))
    fail("the child died of signal " + std::to_string(WTERMSIG(status)), where);
  if (WEXITSTATUS(status) != 0) fail("the child failed", where);
}

/// Runs `work(number)` in `count` threads at once and fails as the first of them that does.
template <typename Work>
void in_threads(unsigned count, Work&& work) {
  std::vector<std::string> failures(count);
  {
    std::vector<std::jthread> threads;
    for (unsigned number = 0; number < count; ++number) {
      threads.emplace_back([&, number] { failures[number] = failure_of([&] { work(number); }); });
    }
  }
  for (const std::string& failure : failures) {
    if (!failure.empty()) throw Failure{failure};
  }
}

}  // namespace rheap::testing

#define RHEAP_JOIN_(a, b) a##b
#define RHEAP_JOIN(a, b) RHEAP_JOIN_(a, b)
#define TEST(name)                                                                 \
  static void RHEAP_JOIN(test_, __LINE__)();                                       \
  static const ::rheap::testing::Registration RHEAP_JOIN(registration_, __LINE__)( \
      name, RHEAP_JOIN(test_, __LINE__));                                          \
  static void RHEAP_JOIN(test_, __LINE__)()

#define CHECK(condition)                                               \
  do {                                                                 \
    if (!(condition)) ::rheap::testing::fail("CHECK(" #condition ")"); \
  } while (false)
