#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <string_view>

#include "core/free_space/policy.hpp"

namespace rheap::bindings {

inline Policy policy_named(std::string_view name) {
  const auto found = std::ranges::find(policy_names, name);
  if (found == policy_names.end()) throw pybind11::value_error("unknown policy");
  return static_cast<Policy>(found - policy_names.begin());
}

}  // namespace rheap::bindings
