#include "trace/site_text.hpp"

namespace rheap::trace {

std::string_view beginning(std::string_view site) {
  if (site.size() <= longest_site) return site;
  std::size_t end = longest_site;
  while (end > 0 && (site[end] & 0xC0) == 0x80) --end;
  return site.substr(0, end);
}

std::string unescaped(std::string_view text) {
  std::string site;
  site.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char next = text[at] == '\\' && at + 1 < text.size() ? text[at + 1] : '\0';
    const bool escape = next == '\\' || next == 'n' || next == 'r';
    site += !escape ? text[at] : next == 'n' ? '\n' : next == 'r' ? '\r' : '\\';
    if (escape) ++at;
  }
  return site;
}

}  // namespace rheap::trace
