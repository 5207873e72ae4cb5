// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Jinja2's lexer: data and white space control, then expressions.

#include "frontend/tokenizer/ChatLexer.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"

using llvm::StringRef;

namespace fathom::frontend {

/// The white space that Python's \s and rstrip know, at the start of `text`; 0 bytes if there is none.
static size_t spaceAt(StringRef text) {
  if (text.empty()) {
    return 0;
  }
  if (StringRef(" \t\n\r\f\v\x1c\x1d\x1e\x1f").contains(text[0])) {
    return 1;
  }
  for (StringRef space : {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
                          "\xe2\x81\x9f", "\xe3\x80\x80"}) {
    if (text.starts_with(space)) {
      return space.size();
    }
  }
  bool general =
      text.starts_with("\xe2\x80") && text.size() > 2 && uint8_t(text[2]) >= 0x80 && uint8_t(text[2]) <= 0x8a;
  return general ? 3 : 0;
}

static size_t skipSpace(StringRef text) {
  size_t at = 0;
  while (size_t size = spaceAt(text.drop_front(at))) {
    at += size;
  }
  return at;
}

static StringRef dropTrailingSpace(StringRef text) {
  while (!text.empty()) {
    size_t before = text.size();
    for (size_t size = 1; size <= 3 && size <= text.size() && before == text.size(); ++size) {
      if (spaceAt(text.take_back(size)) == size) {
        text = text.drop_back(size);
      }
    }
    if (text.size() == before) {
      break;
    }
  }
  return text;
}

/// `text` before a block, without the white space that indents the block where only that stands on its line.
static StringRef dropIndent(StringRef text, bool lineStarts) {
  size_t line = text.rfind('\n');
  line = line == StringRef::npos ? 0 : line + 1;
  StringRef indent = text.drop_front(line);
  bool isIndent = (line > 0 || lineStarts) && skipSpace(indent) == indent.size();
  return isIndent ? text.take_front(line) : text;
}

static bool isNameStart(char c) { return llvm::isAlpha(c) || c == '_' || uint8_t(c) >= 0x80; }
static bool isNamePart(char c) { return isNameStart(c) || llvm::isDigit(c); }

/// Digits for which `isDigit` holds at the start of `text`, with single "_" between them.
template <typename Predicate>
static StringRef takeDigits(StringRef text, Predicate isDigit) {
  size_t end = 0;
  while (end < text.size() && (isDigit(text[end]) || (text[end] == '_' && end > 0 && text[end - 1] != '_'))) {
    ++end;
  }
  return text.take_front(end).rtrim('_');
}

/// "0x1f" and its like at the start of `text`; empty if there is none.
static StringRef takeWithRadix(StringRef text) {
  StringRef digits = text.drop_front(std::min<size_t>(2, text.size()));
  // One "_" may follow the letter.
  size_t begin = digits.starts_with("_") ? 3 : 2;
  digits = text.drop_front(std::min(begin, text.size()));
  switch (text.size() > 1 && text[0] == '0' ? llvm::toLower(text[1]) : ' ') {
  case 'x':
    digits = takeDigits(digits, llvm::isHexDigit);
    break;
  case 'o':
    digits = takeDigits(digits, [](char c) { return c >= '0' && c <= '7'; });
    break;
  case 'b':
    digits = takeDigits(digits, [](char c) { return c == '0' || c == '1'; });
    break;
  default:
    return {};
  }
  return digits.empty() ? StringRef() : text.take_front(begin + digits.size());
}

/// A real number at the start of `text`, which has a fraction or an exponent; empty if there is none.
static StringRef takeReal(StringRef text) {
  size_t whole = takeDigits(text, llvm::isDigit).size(), size = whole;
  auto takeBehind = [&](size_t prefix) {
    size_t digits = takeDigits(text.drop_front(std::min(size + prefix, text.size())), llvm::isDigit).size();
    size += digits > 0 ? prefix + digits : 0;
  };
  if (text.substr(size).starts_with(".")) {
    takeBehind(1);
  }
  if (text.substr(size).starts_with_insensitive("e")) {
    StringRef sign = text.substr(size + 1, 1);
    takeBehind(sign == "+" || sign == "-" ? 2 : 1);
  }
  return size == whole ? StringRef() : text.take_front(size);
}

static void appendUtf8(std::string &out, uint32_t value) {
  char bytes[4];
  char *end = bytes;
  if (llvm::ConvertCodePointToUTF8(value, end)) {
    out.append(bytes, end);
  } else {
    out += "\xef\xbf\xbd";
  }
}

namespace {
/// One way through a template.
class Lexer {
public:
  Lexer(std::string source, ChatError &error) : source(std::move(source)), error(error) {}

  bool run();
  std::vector<ChatToken> tokens;

private:
  StringRef rest() const { return StringRef(source).drop_front(at); }
  bool fail(size_t place, const llvm::Twine &message);
  void add(ChatToken::Kind kind, size_t place, std::string text);
  ChatPlace locate(size_t place);
  bool lexData();
  bool lexComment();
  bool lexRaw(size_t end);
  bool lexInside(bool isBlock);
  bool lexToken();
  bool lexText();
  void lexNumber();
  bool takeEnd(bool isBlock);
  std::optional<size_t> rawBegin(StringRef tag) const;
  std::string unescape(StringRef text);

  std::string source;
  ChatError &error;
  size_t at = 0;
  /// What was taken last ended a line.
  bool lineStarts = true;
  std::string brackets;
  size_t located = 0;
  uint32_t locatedLine = 1;
  size_t lineBegin = 0;
};
} // namespace

/// Places only go forward, but for errors.
ChatPlace Lexer::locate(size_t place) {
  if (place < located) {
    located = lineBegin = 0;
    locatedLine = 1;
  }
  for (; located < place; ++located) {
    if (source[located] == '\n') {
      ++locatedLine;
      lineBegin = located + 1;
    }
  }
  return {locatedLine, uint32_t(place - lineBegin + 1)};
}

bool Lexer::fail(size_t place, const llvm::Twine &message) {
  error.place = locate(place);
  error.message = message.str();
  return false;
}

void Lexer::add(ChatToken::Kind kind, size_t place, std::string text) {
  tokens.push_back({kind, std::move(text), locate(place)});
}

/// The size of a "{% raw %}" that `tag` begins with.
std::optional<size_t> Lexer::rawBegin(StringRef tag) const {
  StringRef text = tag;
  if (!text.consume_front("{%")) {
    return std::nullopt;
  }
  (void)(text.consume_front("-") || text.consume_front("+"));
  text = text.drop_front(skipSpace(text));
  if (!text.consume_front("raw")) {
    return std::nullopt;
  }
  text = text.drop_front(skipSpace(text));
  bool strips = text.consume_front("-");
  if (!text.consume_front("%}")) {
    return std::nullopt;
  }
  text = text.drop_front(strips ? skipSpace(text) : 0);
  return tag.size() - text.size();
}

bool Lexer::lexData() {
  size_t begin = at, end = at;
  for (;; ++end) {
    end = source.find('{', end);
    if (end == std::string::npos || StringRef(source).substr(end + 1, 1).find_first_of("{%#") == 0) {
      break;
    }
  }
  end = end == std::string::npos ? source.size() : end;
  StringRef data = StringRef(source).slice(begin, end);
  bool isVariable = StringRef(source).substr(end).starts_with("{{");
  char sign = end + 2 < source.size() ? source[end + 2] : '\0';
  if (end < source.size() && sign == '-') {
    data = dropTrailingSpace(data);
  } else if (end < source.size() && sign != '+' && !isVariable) {
    data = dropIndent(data, lineStarts);
  }
  if (!data.empty()) {
    add(ChatToken::Data, begin, data.str());
  }
  at = end;
  if (at == source.size()) {
    return true;
  }
  if (std::optional<size_t> raw = rawBegin(rest())) {
    return lexRaw(*raw);
  }
  if (source[at + 1] == '#') {
    return lexComment();
  }
  add(isVariable ? ChatToken::VariableBegin : ChatToken::BlockBegin, at, "");
  at += sign == '-' || sign == '+' ? 3 : 2;
  return lexInside(!isVariable);
}

bool Lexer::lexComment() {
  size_t end = source.find("#}", at + 2);
  if (end == std::string::npos) {
    return fail(at, "expected the end of a comment, '#}'");
  }
  char sign = end > at + 2 ? source[end - 1] : '\0';
  at = end + 2;
  at += sign == '-' ? skipSpace(rest()) : (sign != '+' && rest().starts_with("\n") ? 1 : 0);
  lineStarts = source[at - 1] == '\n';
  return true;
}

bool Lexer::lexRaw(size_t size) {
  size_t begin = at + size;
  for (size_t end = source.find("{%", begin); end != std::string::npos; end = source.find("{%", end + 2)) {
    StringRef tag = StringRef(source).drop_front(end + 2);
    bool strips = tag.consume_front("-"), keepsIndent = !strips && tag.consume_front("+");
    tag = tag.drop_front(skipSpace(tag));
    if (!tag.consume_front("endraw")) {
      continue;
    }
    tag = tag.drop_front(skipSpace(tag));
    bool stripsBehind = tag.consume_front("-"), keeps = !stripsBehind && tag.consume_front("+");
    if (!tag.consume_front("%}")) {
      continue;
    }
    StringRef data = StringRef(source).slice(begin, end);
    data = strips ? dropTrailingSpace(data) : (keepsIndent ? data : dropIndent(data, source[begin - 1] == '\n'));
    if (!data.empty()) {
      add(ChatToken::Data, begin, data.str());
    }
    tag = tag.drop_front(stripsBehind ? skipSpace(tag) : (!keeps && tag.starts_with("\n") ? 1 : 0));
    at = source.size() - tag.size();
    lineStarts = source[at - 1] == '\n';
    return true;
  }
  return fail(at, "expected '{% endraw %}'");
}

/// Takes the end of a tag, if it is here.
bool Lexer::takeEnd(bool isBlock) {
  StringRef end = isBlock ? "%}" : "}}", text = rest();
  bool strips = text.consume_front("-");
  bool keeps = !strips && isBlock && text.consume_front("+");
  if (!brackets.empty() || !text.consume_front(end)) {
    return false;
  }
  add(isBlock ? ChatToken::BlockEnd : ChatToken::VariableEnd, at, "");
  text = text.drop_front(strips ? skipSpace(text) : (isBlock && !keeps && text.starts_with("\n") ? 1 : 0));
  at = source.size() - text.size();
  lineStarts = source[at - 1] == '\n';
  return true;
}

bool Lexer::lexInside(bool isBlock) {
  size_t begin = at;
  brackets.clear();
  while (true) {
    at += skipSpace(rest());
    if (takeEnd(isBlock)) {
      return true;
    }
    if (at >= source.size()) {
      return fail(begin, isBlock ? "expected the end of the block, '%}'" : "expected the end of the expression, '}}'");
    }
    if (!lexToken()) {
      return false;
    }
  }
}

bool Lexer::lexToken() {
  char c = source[at];
  if (isNameStart(c)) {
    size_t end = at;
    while (end < source.size() && isNamePart(source[end])) {
      ++end;
    }
    add(ChatToken::Name, at, source.substr(at, end - at));
    at = end;
    return true;
  }
  if (llvm::isDigit(c)) {
    lexNumber();
    return true;
  }
  if (c == '"' || c == '\'') {
    return lexText();
  }
  for (StringRef op : {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                       "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"}) {
    if (!rest().starts_with(op)) {
      continue;
    }
    size_t opens = StringRef("([{").find(c), closes = StringRef(")]}").find(c);
    if (opens != StringRef::npos) {
      brackets += ")]}"[opens];
    } else if (closes != StringRef::npos) {
      if (brackets.empty() || brackets.back() != c) {
        return fail(at, "unexpected '" + llvm::Twine(c) + "'");
      }
      brackets.pop_back();
    }
    add(ChatToken::Operator, at, op.str());
    at += op.size();
    return true;
  }
  return fail(at, "unexpected character '" + StringRef(&c, 1) + "'");
}

void Lexer::lexNumber() {
  bool afterDot = !tokens.empty() && tokens.back().kind == ChatToken::Operator && tokens.back().text == ".";
  StringRef number = afterDot ? StringRef() : takeReal(rest());
  bool isReal = !number.empty();
  number = isReal ? number : takeWithRadix(rest());
  if (number.empty()) {
    // A zero in front of other digits is a number of its own, as in Python, where that is an error.
    bool zeros = rest().starts_with("0");
    number = takeDigits(rest(), [&](char c) { return zeros ? c == '0' : llvm::isDigit(c); });
  }
  std::string text = number.lower();
  llvm::erase(text, '_');
  add(isReal ? ChatToken::Real : ChatToken::Integer, at, text);
  at += number.size();
}

bool Lexer::lexText() {
  char quote = source[at];
  size_t end = at + 1;
  while (end < source.size() && source[end] != quote) {
    end += source[end] == '\\' ? 2 : 1;
  }
  if (end >= source.size()) {
    return fail(at, "expected the end of a string");
  }
  std::string text = unescape(StringRef(source).slice(at + 1, end));
  if (!error.message.empty()) {
    return fail(at, error.message);
  }
  add(ChatToken::Text, at, std::move(text));
  at = end + 1;
  return true;
}

/// Python's escapes; unknown ones stay as they are.
std::string Lexer::unescape(StringRef text) {
  constexpr StringRef kNames = "abfnrtv\\'\"", kMeanings = "\a\b\f\n\r\t\v\\'\"";
  std::string out;
  while (!text.empty()) {
    size_t plain = std::min(text.find('\\'), text.size());
    out += text.take_front(plain);
    text = text.drop_front(plain);
    if (text.size() < 2) {
      out += text;
      break;
    }
    char name = text[1];
    size_t known = kNames.find(name);
    size_t width = name == 'x' ? 2 : (name == 'u' ? 4 : (name == 'U' ? 8 : 0));
    uint32_t value = 0;
    if (known != StringRef::npos) {
      out += kMeanings[known];
      text = text.drop_front(2);
    } else if (name == '\n') {
      text = text.drop_front(2);
    } else if (name == 'N') {
      error.message = "named characters ('\\N{...}') are not supported in chat templates";
      error.unsupported = true;
      return out;
    } else if (width != 0) {
      if (text.substr(2, width).size() < width || text.substr(2, width).getAsInteger(16, value)) {
        error.message = "invalid escape in a string";
        return out;
      }
      appendUtf8(out, value);
      text = text.drop_front(2 + width);
    } else if (name >= '0' && name <= '7') {
      StringRef octal = text.substr(1, 3).take_while([](char c) { return c >= '0' && c <= '7'; });
      (void)octal.getAsInteger(8, value);
      appendUtf8(out, value);
      text = text.drop_front(1 + octal.size());
    } else {
      out += text.take_front(2);
      text = text.drop_front(2);
    }
  }
  return out;
}

bool Lexer::run() {
  while (at < source.size()) {
    if (!lexData()) {
      return false;
    }
  }
  add(ChatToken::End, source.size(), "");
  return true;
}

/// "\r\n" and "\r" are line ends too, and the last one does not count.
static std::string normalizeLines(StringRef source) {
  std::string text;
  for (size_t i = 0; i < source.size(); ++i) {
    text += source[i] == '\r' ? '\n' : source[i];
    i += source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n' ? 1 : 0;
  }
  if (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  return text;
}

std::optional<std::vector<ChatToken>> lexChatTemplate(StringRef source, ChatError &error) {
  Lexer lexer(normalizeLines(source), error);
  return lexer.run() ? std::optional(std::move(lexer.tokens)) : std::nullopt;
}

} // namespace fathom::frontend
