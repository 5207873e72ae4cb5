// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Words of PTX text.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_LEXER_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_LEXER_H

#include <cstdint>
#include <string_view>

namespace fathom::runtime::ptxsim {

enum class Token : uint8_t {
  End,
  Word,      // add, %r1, $L__BB0_1, _
  Directive, // .reg, .shared::cluster, .x: text is without the dot
  Integer,
  Float32, // 0f3f800000
  Float64, // 0d…, and decimal ones
  String,  // text is without the quotes
  Punctuation,
  Error,
};

struct Lexeme {
  Token kind = Token::End;
  std::string_view text;
  /// Of integers; the bits of floats.
  uint64_t value = 0;
  unsigned line = 1;
  /// Nothing stands between it and the one before.
  bool adjacent = false;

  bool is(char punctuation) const { return kind == Token::Punctuation && text[0] == punctuation; }
};

/// Reads text that outlives it. Any bytes are words, numbers or errors.
class Lexer {
public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Lexeme next();

private:
  bool skipBlanks();
  Lexeme number(Lexeme lexeme);
  Lexeme decimal(Lexeme lexeme, size_t end);
  size_t endOfWord(size_t at) const;
  Lexeme taken(Lexeme lexeme, Token kind, size_t from, size_t end);
  char at(size_t index) const { return index < text_.size() ? text_[index] : '\0'; }

  std::string_view text_;
  size_t position_ = 0;
  unsigned line_ = 1;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_LEXER_H
