#include "bindings/interpreter/site_numbers.hpp"

#include <algorithm>
#include <charconv>

namespace rheap::bindings {

namespace {

using Key = trace::SiteTable::Key;

/// Text and bytes keep their hash, and to compute it runs no code, not that of a subclass either.
std::uint64_t hash_of_text(PyObject* text) {
  return static_cast<std::uint64_t>(PyUnicode_Type.tp_hash(text));
}
std::uint64_t hash_of_bytes(PyObject* bytes) {
  return static_cast<std::uint64_t>(PyBytes_Type.tp_hash(bytes));
}

std::uint64_t joined(std::uint64_t one, std::uint64_t other) {
  return one * 0x9E3779B97F4A7C15U + other;
}

std::uint64_t names_of(const PyCodeObject* code) {
  return joined(hash_of_text(code->co_filename), hash_of_text(code->co_qualname));
}

/// In UTF-8; what is half a pair of surrogates is escaped, as `backslashreplace` does. Ends before
/// `end`, and returns where.
char* put_text(char* to, const char* end, PyObject* text) {
  constexpr std::ptrdiff_t longest = 6;
  const auto put = [&](Py_UCS4 byte) { *to++ = static_cast<char>(byte); };
  const Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  for (Py_ssize_t at = 0; at < length && end - to >= longest; ++at) {
    const Py_UCS4 character = PyUnicode_READ_CHAR(text, at);
    if (character < 0x80) {
      put(character);
    } else if (character < 0x800) {
      put(0xC0 | character >> 6);
      put(0x80 | (character & 0x3F));
    } else if (character >= 0xD800 && character < 0xE000) {
      constexpr char digits[] = "0123456789abcdef";
      put('\\');
      put('u');
      for (int shift = 12; shift >= 0; shift -= 4) *to++ = digits[character >> shift & 0xF];
    } else {
      if (character < 0x10000) {
        put(0xE0 | character >> 12);
      } else {
        put(0xF0 | character >> 18);
        put(0x80 | (character >> 12 & 0x3F));
      }
      put(0x80 | (character >> 6 & 0x3F));
      put(0x80 | (character & 0x3F));
    }
  }
  return to;
}

}  // namespace

trace::Origin SiteNumbers::of(const Instruction& instruction) {
  PyCodeObject* const code = instruction.code;
  if (code == nullptr) return {};
  const std::uint64_t place = static_cast<std::uint64_t>(code->co_firstlineno) << 32 |
                              static_cast<std::uint32_t>(instruction.offset);
  const Key key{names_of(code), joined(hash_of_bytes(code->co_linetable), place)};
  if (const std::uint32_t known = instructions_.find(key)) return {known, {}};
  // What the compiler adds (to clean up, say) may be of no line, -1.
  const int line = std::max(PyCode_Addr2Line(code, instruction.offset), 0);
  const trace::Origin origin = of_line(code, line);
  instructions_.put(key, origin.number);
  return origin;
}

trace::Origin SiteNumbers::of_line(PyCodeObject* code, int line) {
  if (code == nullptr) return {};
  const Key key{names_of(code), static_cast<std::uint64_t>(line)};
  if (const std::uint32_t known = lines_.find(key)) return {known, {}};
  lines_.put(key, count_ + 1);
  return {++count_, text_of(code, line)};
}

std::string_view SiteNumbers::text_of(PyCodeObject* code, int line) {
  char* const begin = text_.data();
  const char* const end = begin + text_.size();
  char* at = put_text(begin, end, code->co_filename);
  constexpr std::ptrdiff_t room_for_line = 16;
  if (end - at >= room_for_line) {
    *at++ = ':';
    at = std::to_chars(at, at + 12, line).ptr;
    *at++ = ' ';
    at = put_text(at, end, code->co_qualname);
  }
  return {begin, static_cast<std::size_t>(at - begin)};
}

}  // namespace rheap::bindings
