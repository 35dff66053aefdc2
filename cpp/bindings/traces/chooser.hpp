#pragma once

#include <pybind11/pybind11.h>

#include "core/free_space/policy.hpp"

namespace rheap::bindings {

/// A placement policy in Python: called with the size of the block that is to be made and a list of
/// (offset, size), never an empty one, it returns one of them or None. May be asked without the
/// GIL.
class PythonChooser : public Chooser {
 public:
  explicit PythonChooser(pybind11::function choose) : choose_(std::move(choose)) {}

  /// Throws WrongChoice unless the answer is a pair with an offset, and whatever the function
  /// raises.
  std::optional<Offset> choose(std::uint64_t size, std::span<const Hole> holes) override;
  /// What the function returned last.
  [[nodiscard]] const pybind11::object& answer() const { return answer_; }

 private:
  pybind11::function choose_;
  pybind11::object answer_;
};

}  // namespace rheap::bindings
