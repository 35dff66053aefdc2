#include "trace/parse.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace rheap::trace {

namespace {

bool is_blank(char letter) { return letter == ' ' || letter == '\t' || letter == '\r'; }
constexpr std::string_view digits = "0123456789";

std::string_view unindented(std::string_view text) {
  return {std::find_if_not(text.begin(), text.end(), is_blank), text.end()};
}

bool is_ascii(std::string_view text) {
  unsigned char all = 0;
  for (const char letter : text) all |= static_cast<unsigned char>(letter);
  return all < 0x80;
}

/// The bytes of the UTF-8 character that the text begins with; 0 when it begins with none.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(text[at]) & 0xFF; };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t bytes = first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (bytes == 0 || first > 0xF4 || text.size() < bytes) return 0;
  std::uint32_t code = first & (0x7FU >> bytes);
  for (std::size_t at = 1; at < bytes; ++at) {
    if ((byte(at) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(at) & 0x3F);
  }
  constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  return code >= smallest[bytes] && code <= 0x10FFFF && !surrogate ? bytes : 0;
}

bool is_utf8(std::string_view text) {
  if (is_ascii(text)) [[likely]]
    return true;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

/// A part of the text for a message, whatever it holds.
std::string quoted(std::string_view text) {
  constexpr std::size_t most = 40;
  constexpr std::string_view hex = "0123456789abcdef";
  std::string result = "'";
  for (const char letter : text.substr(0, most)) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte >= 0x20 && byte < 0x7f) {
      result += letter;
    } else {
      result += {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
    }
  }
  return result + (text.size() > most ? "...'" : "'");
}

}  // namespace

/// The fields of one line, one after the other.
class Parser::Fields {
 public:
  Fields(const Parser& parser, std::string_view text) : parser_(parser), text_(text) {}

  [[nodiscard]] bool empty() {
    skip_blanks();
    return text_.empty();
  }
  std::string_view next() {
    skip_blanks();
    const auto* const end = std::find_if(text_.begin(), text_.end(), is_blank);
    const std::string_view field(text_.begin(), end);
    text_.remove_prefix(field.size());
    return field;
  }
  std::uint64_t number(const char* name) {
    const std::string_view field = next();
    std::uint64_t value = 0;
    const char* end = field.data() + field.size();
    const auto [stopped, error] = std::from_chars(field.data(), end, value);
    if (error == std::errc{} && stopped == end) [[likely]]
      return value;
    refuse(field, name);
  }

 private:
  void skip_blanks() { text_ = unindented(text_); }
  [[noreturn]] void refuse(std::string_view field, const char* name) const {
    if (field.empty()) parser_.fail(std::string("the ") + name + " is missing");
    const bool negative = field.starts_with('-');
    const bool numeric = field.find_first_not_of(digits, negative ? 1 : 0) == field.npos;
    const char* wrong = !numeric ? "is no number" : negative ? "is negative" : "is 2**64 or more";
    parser_.fail(std::string("the ") + name + ' ' + quoted(field) + ' ' + wrong);
  }

  const Parser& parser_;
  std::string_view text_;
};

void Parser::feed(std::string_view part) {
  while (!part.empty()) {
    const std::size_t end = part.find('\n');
    const std::string_view piece = part.substr(0, end);
    if (unfinished_.size() + piece.size() > longest_line) {
      fail("the line is longer than " + std::to_string(longest_line) + " bytes");
    }
    if (end == part.npos) {
      unfinished_ += piece;
      return;
    }
    if (unfinished_.empty()) [[likely]] {
      read_line(piece);
    } else {
      unfinished_ += piece;
      read_line(std::exchange(unfinished_, {}));
    }
    part.remove_prefix(end + 1);
  }
}

Trace Parser::finish() {
  if (!unfinished_.empty()) read_last_line();
  if (trace_.operations().empty()) {
    fail("the text ends before its first operation ('a ID BYTES')");
  }
  return std::move(trace_);
}

void Parser::read_last_line() {
  try {
    read_line(std::exchange(unfinished_, {}));
  } catch (const Malformed& malformed) {
    if (trace_.operations().empty()) throw;
    trace_.leave_out(malformed.line);
  }
}

void Parser::read_line(std::string_view line) {
  if (!is_utf8(line)) fail("not text in UTF-8");
  const std::string_view text = unindented(line);
  const std::size_t operations = trace_.operations().size();
  if (text.starts_with('#')) {
    constexpr std::string_view announcement = "# rheap ";
    if (lines_ == 0 && text.starts_with(announcement)) {
      read_columns(text.substr(announcement.size()));
    }
  } else if (!text.empty()) {
    read_operation(text);
  }
  idle_lines_ = trace_.operations().size() == operations ? idle_lines_ + 1 : 0;
  if (idle_lines_ > most_idle_lines) {
    fail("there is no operation in " + std::to_string(most_idle_lines) + " lines before this one");
  }
  ++lines_;
}

void Parser::read_columns(std::string_view text) {
  Fields fields(*this, text);
  const std::string_view version = fields.next();
  if (version != "1") {
    fail("format version " + quoted(version) + " is unknown; this rheap reads version 1");
  }
  std::string_view column = fields.next();
  for (const auto& [name, announced] :
       {std::pair{"time", &with_time_}, {"thread", &with_thread_}, {"site", &with_site_}}) {
    *announced = column == name;
    if (*announced) column = fields.next();
  }
  if (!column.empty()) {
    fail("column " + quoted(column) + " is not one of time, thread, site, each once in that order");
  }
}

void Parser::read_operation(std::string_view text) {
  Fields fields(*this, text);
  const std::string_view word = fields.next();
  const char letter = word.front();
  if (word.size() != 1 || (letter != 'a' && letter != 'r' && letter != 'f')) {
    const bool bare_numbers = std::ranges::all_of(
        text, [](char each) { return is_blank(each) || digits.find(each) != digits.npos; });
    if (bare_numbers && trace_.operations().empty()) return;
    fail("unknown operation " + quoted(word) + "; known are a, r, f");
  }
  const std::uint64_t id = fields.number("id");
  const std::uint64_t bytes = letter == 'f' ? 0 : fields.number("size");
  if (bytes > largest_size) {
    fail("the size " + std::to_string(bytes) + " is more than 1 TiB");
  }
  if (with_time_) static_cast<void>(fields.number("time"));
  if (with_thread_) static_cast<void>(fields.number("thread"));
  if (!with_site_ && !fields.empty()) {
    fail(quoted(fields.next()) + " stands behind the last field");
  }

  const std::uint32_t slot = letter == 'a' ? occupy(id) : find(id, letter);
  const Kind kind = letter == 'a' ? Kind::allocate : letter == 'r' ? Kind::resize : Kind::release;
  trace_.add({kind, slot, bytes}, lines_ + 1);
  if (kind == Kind::release) vacate(id, slot);
}

std::uint32_t Parser::occupy(std::uint64_t id) {
  const std::uint32_t slot = vacant_.empty() ? trace_.slots() : vacant_.back();
  if (!live_.emplace(id, slot).second) {
    fail("a of id " + std::to_string(id) + ", which is live: it was not freed yet");
  }
  if (!vacant_.empty()) vacant_.pop_back();
  return slot;
}

std::uint32_t Parser::find(std::uint64_t id, char letter) const {
  const auto found = live_.find(id);
  if (found == live_.end()) {
    fail(std::string{letter} + " of id " + std::to_string(id) +
         ", which is not live: it was not allocated, or freed before");
  }
  return found->second;
}

void Parser::vacate(std::uint64_t id, std::uint32_t slot) {
  live_.erase(id);
  vacant_.push_back(slot);
}

void Parser::fail(const std::string& reason) const {
  throw Malformed(trace_.source(), lines_ + 1, reason);
}

}  // namespace rheap::trace
