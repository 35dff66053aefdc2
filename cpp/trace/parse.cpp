#include "trace/parse.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "trace/site_text.hpp"

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

std::optional<Kind> kind_of(std::string_view word) {
  if (word == "a") return Kind::allocate;
  if (word == "r") return Kind::resize;
  if (word == "f") return Kind::release;
  return {};
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
  std::uint32_t small_number(const char* name) {
    const std::uint64_t value = number(name);
    if (value > std::numeric_limits<std::uint32_t>::max()) {
      parser_.fail(std::string("the ") + name + ' ' + std::to_string(value) + " is 2**32 or more");
    }
    return static_cast<std::uint32_t>(value);
  }
  std::uint64_t size(const char* name = "size") {
    const std::uint64_t bytes = number(name);
    if (bytes > largest_size) {
      parser_.fail(std::string("the ") + name + ' ' + std::to_string(bytes) +
                   " is more than 1 TiB");
    }
    return bytes;
  }
  /// All behind the blank that ends the last field.
  std::string_view rest() {
    if (!text_.empty()) text_.remove_prefix(1);
    if (text_.ends_with('\r')) text_.remove_suffix(1);
    return text_;
  }
  void end() {
    if (!empty()) parser_.fail(quoted(next()) + " stands behind the last field");
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
  if (trace_.allocations() == 0) {
    fail(std::string("the text ends before its first allocation ('") +
         (version_ == Version::one ? "a ID BYTES" : "a BYTES") + "')");
  }
  return std::move(trace_);
}

void Parser::read_last_line() {
  const std::string line = std::exchange(unfinished_, {});
  if (version_ == Version::two) {
    trace_.leave_out(lines_ + 1);
    return;
  }
  try {
    read_line(line);
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
      read_version(text.substr(announcement.size()));
    }
  } else if (!text.empty()) {
    version_ == Version::one ? read_v1(text) : read_v2(text);
  }
  idle_lines_ = trace_.operations().size() == operations ? idle_lines_ + 1 : 0;
  if (idle_lines_ > most_idle_lines) {
    fail("there is no operation in " + std::to_string(most_idle_lines) + " lines before this one");
  }
  ++lines_;
}

void Parser::read_version(std::string_view text) {
  Fields fields(*this, text);
  const std::string_view version = fields.next();
  if (version == "1") {
    read_columns(fields);
  } else if (version == "2") {
    version_ = Version::two;
    fields.end();
  } else {
    fail("format version " + quoted(version) + " is unknown; this rheap reads versions 1 and 2");
  }
}

void Parser::read_columns(Fields& fields) {
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

void Parser::read_v1(std::string_view text) {
  Fields fields(*this, text);
  const std::string_view word = fields.next();
  const std::optional<Kind> kind = kind_of(word);
  if (!kind) {
    const bool bare_numbers = std::ranges::all_of(
        text, [](char each) { return is_blank(each) || digits.find(each) != digits.npos; });
    if (bare_numbers && trace_.operations().empty()) return;
    fail("unknown operation " + quoted(word) + "; known are a, r, f");
  }
  const std::uint64_t id = fields.number("id");
  const std::uint64_t bytes = kind == Kind::release ? 0 : fields.size();
  const std::uint64_t time = with_time_ ? fields.number("time") : 0;
  const std::uint32_t thread = with_thread_ ? fields.small_number("thread") : 0;
  const std::string_view site = with_site_ ? fields.rest() : std::string_view{};
  if (!with_site_) fields.end();
  if (with_time_) trace_.set_time(time);
  if (with_thread_) trace_.set_thread(thread);
  if (with_site_ && kind != Kind::release) trace_.set_site(place_of(site));
  add(*kind, id, bytes);
}

void Parser::read_v2(std::string_view text) {
  Fields fields(*this, text);
  const std::string_view word = fields.next();
  if (const std::optional<Kind> kind = kind_of(word)) {
    const std::uint64_t id =
        kind == Kind::allocate ? trace_.allocations() : number_of_block(fields);
    const std::uint64_t bytes = kind == Kind::release ? 0 : fields.size();
    fields.end();
    add(*kind, id, bytes);
  } else if (word == "c") {
    read_compaction(fields);
  } else if (word == "s") {
    read_site(fields);
  } else if (word == "t") {
    trace_.set_thread(fields.small_number("thread"));
    fields.end();
  } else if (word == "u") {
    const std::uint64_t passed = fields.number("time");
    if (passed > std::numeric_limits<std::uint64_t>::max() - time_) {
      fail("the time since the beginning is 2**64 microseconds or more");
    }
    fields.end();
    trace_.set_time(time_ += passed);
  } else {
    fail("unknown line " + quoted(word) + "; known are a, r, f, c, s, t, u");
  }
}

std::uint64_t Parser::number_of_block(Fields& fields) const {
  const std::uint64_t back = fields.number("distance");
  const std::uint64_t allocations = trace_.allocations();
  if (back == 0 || back > allocations) {
    fail("no allocation is " + std::to_string(back) + " back; there are " +
         std::to_string(allocations) + " before this line, and 1 is the last");
  }
  return allocations - back;
}

void Parser::read_compaction(Fields& fields) {
  const std::uint64_t bytes = fields.empty() ? Operation::unbounded : fields.size("bound");
  fields.end();
  trace_.add({Kind::compact, 0, bytes}, lines_ + 1);
}

void Parser::read_site(Fields& fields) {
  const std::uint32_t number = fields.small_number("site");
  const std::string_view text = fields.rest();
  if (!text.empty()) {
    if (number != announced_.size()) {
      fail("the next site that gets a text is number " + std::to_string(announced_.size()) +
           ", not " + std::to_string(number));
    }
    announced_.push_back(place_of(text));
  }
  if (number >= announced_.size()) {
    fail("site " + std::to_string(number) + " has no text yet ('s SITE TEXT')");
  }
  trace_.set_site(announced_[number]);
}

/// The place of a site among those of the trace, which has each once.
std::uint32_t Parser::place_of(std::string_view text) {
  if (text.empty()) return 0;
  const std::string site(beginning(unescaped(text)));
  const auto known = places_.find(site);
  if (known != places_.end()) return known->second;
  return places_.emplace(site, trace_.add_site(site)).first->second;
}

void Parser::add(Kind kind, std::uint64_t id, std::uint64_t bytes) {
  const std::uint32_t slot = kind == Kind::allocate ? occupy(id) : find(id, kind);
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

std::uint32_t Parser::find(std::uint64_t id, Kind kind) const {
  const auto found = live_.find(id);
  if (found == live_.end()) {
    const std::string letter = kind == Kind::resize ? "r" : "f";
    if (version_ == Version::one) {
      fail(letter + " of id " + std::to_string(id) +
           ", which is not live: it was not allocated, or freed before");
    }
    fail(letter + " of the block " + std::to_string(trace_.allocations() - id) +
         " back, which is not live: it was freed before");
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
