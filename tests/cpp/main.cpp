#include <cstdio>
#include <cstring>

#include "cpp/testing.hpp"

/// rheap_core_tests [--list | part of a name]
int main(int count, char** arguments) {
  using namespace rheap::testing;
  const char* wanted = count > 1 ? arguments[1] : "";
  if (std::strcmp(wanted, "--list") == 0) {
    for (const Test& test : all_tests()) std::puts(test.name);
    return 0;
  }
  int passed = 0;
  int failed = 0;
  for (const Test& test : all_tests()) {
    if (std::strstr(test.name, wanted) == nullptr) continue;
    const std::string failure = failure_of(test.run);
    ++(failure.empty() ? passed : failed);
    if (!failure.empty()) std::printf("FAILED %s\n  %s\n", test.name, failure.c_str());
    std::fflush(stdout);  // a test may fork, and its child must not say this again
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
