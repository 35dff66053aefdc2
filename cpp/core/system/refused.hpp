#pragma once

#include <stdexcept>
#include <string>

namespace rheap {

/// The operating system refused memory.
struct SystemRefused : std::runtime_error {
  int code;  ///< errno

  SystemRefused(int code_, const std::string& text) : std::runtime_error(text), code(code_) {}
};

}  // namespace rheap
