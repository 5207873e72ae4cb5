// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversations come as JSON, and tojson writes it.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_JSON_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_JSON_H

#include "runtime/src/tokenizer/chat/run.h"

namespace fathom::tokenizer::chat {

/// Reads a JSON text; its strings are marked. Undefined after failing with Failure::BadInput.
Value parseJson(Run &run, std::string_view json);

struct JsonStyle {
  bool ascii = false;
  bool sortKeys = false;
  /// Undefined: on one line.
  Value indent;
  Text itemSeparator{", "};
  Text keySeparator{": "};
};

/// json.dumps.
Text writeJson(Run &run, const Value &value, const JsonStyle &style);

} // namespace fathom::tokenizer::chat

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_JSON_H
