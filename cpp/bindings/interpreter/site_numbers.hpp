#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "bindings/interpreter/caller.hpp"
#include "trace/site_table.hpp"
#include "trace/site_text.hpp"
#include "trace/trace_writer.hpp"

namespace rheap::bindings {

/// The sites of one recording: "file.py:12 function", numbered as they are first seen. Code is
/// known by what it says, not by its address, so it may come and go. Allocates nothing by Python,
/// so an allocator may ask; may throw SystemRefused. Its callers take turns, and have the GIL.
class SiteNumbers {
 public:
  /// What is not known has number 0.
  trace::Origin of(const Instruction& instruction);
  trace::Origin of_line(PyCodeObject* code, int line);

 private:
  std::string_view text_of(PyCodeObject* code, int line);

  trace::SiteTable instructions_;  ///< to find the line takes time
  trace::SiteTable lines_;
  std::uint32_t count_ = 0;
  std::array<char, trace::longest_site + 8> text_{};  ///< of the last one that was new
};

}  // namespace rheap::bindings
