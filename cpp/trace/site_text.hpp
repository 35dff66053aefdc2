#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// How the name of a site stands in a line: its beginning, with backslash, newline and carriage
/// return escaped by a backslash.
namespace rheap::trace {

/// In bytes. Of a longer site only the beginning counts.
inline constexpr std::size_t longest_site = 2048;

/// At most `longest_site` bytes, no character of UTF-8 cut in two.
std::string_view beginning(std::string_view site);
/// The site that was written so.
std::string unescaped(std::string_view text);

}  // namespace rheap::trace
