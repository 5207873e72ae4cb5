// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Words of PTX text.

#include "runtime/device/ptxsim/lexer.h"

#include <bit>
#include <charconv>

namespace fathom::runtime::ptxsim {

static bool isDigit(char c) { return c >= '0' && c <= '9'; }

static bool isHex(char c) { return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

static bool isWord(char c) {
  return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%';
}

bool Lexer::skipBlanks() {
  size_t start = position_;
  while (position_ < text_.size()) {
    char c = text_[position_];
    if (c == '/' && at(position_ + 1) == '/') {
      position_ = std::min(text_.find('\n', position_), text_.size());
    } else if (c == '/' && at(position_ + 1) == '*') {
      size_t end = text_.find("*/", position_ + 2);
      end = end == std::string_view::npos ? text_.size() : end + 2;
      for (; position_ < end; ++position_) {
        line_ += text_[position_] == '\n';
      }
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      line_ += c == '\n';
      ++position_;
    } else {
      break;
    }
  }
  return position_ == start;
}

Lexeme Lexer::taken(Lexeme lexeme, Token kind, size_t from, size_t end) {
  lexeme.kind = kind;
  lexeme.text = text_.substr(from, end - from);
  position_ = std::min(end, text_.size());
  return lexeme;
}

/// A word, in which parts may follow `::`.
size_t Lexer::endOfWord(size_t from) const {
  while (isWord(at(from)) || (at(from) == ':' && at(from + 1) == ':' && isWord(at(from + 2)))) {
    from += at(from) == ':' ? 2 : 1;
  }
  return from;
}

Lexeme Lexer::next() {
  Lexeme lexeme;
  lexeme.adjacent = skipBlanks();
  lexeme.line = line_;
  char c = at(position_);
  if (position_ >= text_.size() || c == '\0') {
    return lexeme;
  }
  if (isDigit(c)) {
    return number(lexeme);
  }
  if (isWord(c)) {
    return taken(lexeme, Token::Word, position_, endOfWord(position_));
  }
  if (c == '.' && isWord(at(position_ + 1))) {
    return taken(lexeme, Token::Directive, position_ + 1, endOfWord(position_ + 1));
  }
  if (c == '"') {
    size_t end = text_.find_first_of("\"\n", position_ + 1);
    if (end == std::string_view::npos || text_[end] == '\n') {
      return taken(lexeme, Token::Error, position_, position_ + 1);
    }
    lexeme = taken(lexeme, Token::String, position_ + 1, end);
    ++position_;
    return lexeme;
  }
  bool known = std::string_view("{}[]()<>,;:+-=@!|*~").find(c) != std::string_view::npos;
  return taken(lexeme, known ? Token::Punctuation : Token::Error, position_, position_ + 1);
}

Lexeme Lexer::number(Lexeme lexeme) {
  char second = at(position_ + 1);
  bool isSingle = second == 'f' || second == 'F', isDouble = second == 'd' || second == 'D';
  bool hasPrefix = at(position_) == '0' && (isSingle || isDouble || second == 'x' || second == 'X');
  if (!hasPrefix) {
    size_t end = position_;
    while (isDigit(at(end))) {
      ++end;
    }
    return decimal(lexeme, end);
  }
  size_t start = position_ + 2, end = start;
  while (isHex(at(end))) {
    lexeme.value =
        lexeme.value << 4 | static_cast<uint64_t>(isDigit(at(end)) ? at(end) - '0' : (at(end) | 32) - 'a' + 10);
    ++end;
  }
  size_t digits = end - start;
  bool fits = isSingle ? digits == 8 : isDouble ? digits == 16 : digits >= 1 && digits <= 16;
  end += !isSingle && !isDouble && at(end) == 'U';
  Token kind = isSingle ? Token::Float32 : isDouble ? Token::Float64 : Token::Integer;
  return taken(lexeme, fits && !isWord(at(end)) ? kind : Token::Error, position_, end);
}

Lexeme Lexer::decimal(Lexeme lexeme, size_t end) {
  if (at(end) == '.' && isDigit(at(end + 1))) {
    double value = 0;
    auto parsed = std::from_chars(text_.data() + position_, text_.data() + text_.size(), value);
    lexeme.value = std::bit_cast<uint64_t>(value);
    size_t after = static_cast<size_t>(parsed.ptr - text_.data());
    return taken(lexeme, parsed.ec == std::errc() ? Token::Float64 : Token::Error, position_, after);
  }
  bool isBinary = at(position_) == '0' && at(end) == 'b';
  bool isOctal = at(position_) == '0' && end - position_ > 1;
  size_t start = isBinary ? end + 1 : position_;
  auto parsed = std::from_chars(text_.data() + start, text_.data() + text_.size(), lexeme.value,
                                isBinary  ? 2
                                : isOctal ? 8
                                          : 10);
  size_t after = static_cast<size_t>(parsed.ptr - text_.data());
  after += at(after) == 'U';
  bool fits = parsed.ec == std::errc() && !isWord(at(after));
  return taken(lexeme, fits ? Token::Integer : Token::Error, position_, std::max(after, position_ + 1));
}

} // namespace fathom::runtime::ptxsim
