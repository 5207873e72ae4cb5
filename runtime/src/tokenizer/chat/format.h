// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values in a given format: what str.format and % share.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_FORMAT_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_FORMAT_H

#include "runtime/src/tokenizer/chat/run.h"

namespace fathom::tokenizer::chat {

/// How to write one value: Python's format specification.
struct Spec {
  Text fill = Text(" ");
  /// '<', '>', '^' or '=' (fill behind the sign); 0: as the value's type has it.
  char align = 0;
  /// '+' and ' ' stand before what is not negative.
  char sign = '-';
  bool alternate = false;
  /// ',' or '_' between groups of digits.
  char grouping = 0;
  /// In characters.
  int64_t width = 0;
  /// -1: not given.
  int precision = -1;
  /// 0: not given.
  char type = 0;
};

inline bool isOneOf(char c, std::string_view characters) { return characters.find(c) != std::string_view::npos; }
inline bool isRealType(char type) { return type != 0 && isOneOf(type, "eEfFgG%"); }
inline bool isIntegerType(char type) { return type != 0 && isOneOf(type, "bdoxX"); }

/// Takes decimal digits off the front. False where there are too many.
bool takeNumber(std::string_view &text, int64_t most, int64_t &out);
/// Takes ".digits" off the front, if it is there. False where there are too many.
bool takePrecision(std::string_view &text, Spec &spec);
/// Takes one of `characters` off the front, if it is there; else 0.
char takeOneOf(std::string_view &text, std::string_view characters);

/// Reads [[fill]align][sign][#][0][width][grouping][.precision][type]. Fails for anything else.
bool parseSpec(Run &run, const Text &text, Spec &spec);

/// `text` in its width; `otherwise` is how it is aligned where the specification does not say.
Text align(Run &run, const Spec &spec, char otherwise, const Text &text);
Text formatString(Run &run, const Spec &spec, char otherwise, const Text &text);
Text formatInteger(Run &run, const Spec &spec, int64_t value);
Text formatReal(Run &run, const Spec &spec, double value);

} // namespace fathom::tokenizer::chat

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_FORMAT_H
