// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The built-in chat formats, by name. The build makes the list of templates/*.jinja.

#include "frontend/tokenizer/ChatFormats.h"

#include "llvm/ADT/STLExtras.h"

#include <string>

using llvm::StringRef;

namespace fathom::frontend {

namespace {
struct ChatFormat {
  StringRef name;
  StringRef text;
};
} // namespace

static constexpr ChatFormat kFormats[] = {

#include "frontend/tokenizer/ChatFormats.inc"
};

StringRef findChatFormat(StringRef name) {
  const ChatFormat *format = llvm::find_if(kFormats, [&](const ChatFormat &known) { return known.name == name; });
  return format == std::end(kFormats) ? StringRef() : format->text;
}

const char *chatFormatNames() {
  static const std::string names = [] {
    std::string all = kNoChat.str();
    for (const ChatFormat &format : kFormats) {
      all += "|" + format.name.str();
    }
    return all;
  }();
  return names.c_str();
}

} // namespace fathom::frontend
