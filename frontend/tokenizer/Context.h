// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reporting findings about one JSON file.

#ifndef FATHOM_FRONTEND_TOKENIZER_CONTEXT_H
#define FATHOM_FRONTEND_TOKENIZER_CONTEXT_H

#include "frontend/checkpoint/Diagnostics.h"
#include "frontend/checkpoint/Json.h"

#include <optional>
#include <string>

namespace fathom::frontend {

using checkpoint::Diagnostics;
using checkpoint::Problem;
using checkpoint::json::Value;

/// A file and where its findings go.
struct Context {
  Diagnostics &diagnostics;
  std::string file;

  /// `where` is a path of keys such as "model.merges"; the place in the file is appended to it.
  void bad(llvm::StringRef code, llvm::StringRef where, Value at, const llvm::Twine &message,
           llvm::StringRef hint = {}) const {
    report(Problem::BadInput, code, where, at, message, hint);
  }
  void unsupported(llvm::StringRef code, llvm::StringRef where, Value at, const llvm::Twine &message,
                   llvm::StringRef hint = {}) const {
    report(Problem::Unsupported, code, where, at, message, hint);
  }
  void report(Problem problem, llvm::StringRef code, llvm::StringRef where, Value at, const llvm::Twine &message,
              llvm::StringRef hint) const;

  /// The member as a boolean; `otherwise` where absent or null; a finding where it is something else.
  bool boolean(Value object, llvm::StringRef key, llvm::StringRef where, bool otherwise) const;
};

/// A text in quotes, made printable.
std::string quote(llvm::StringRef text);

/// The text of a string value, in quotes; of other values their kind.
std::string show(Value value);

/// A JSON file in memory.
struct JsonFile {
  std::string text;
  checkpoint::json::Document document;
  Value root() const { return document.root(); }
};

/// Parses `file.text`, whose root must be an object. Findings name `path`.
bool parseJsonObject(const std::string &path, Diagnostics &diagnostics, JsonFile &file);

/// The same with the text of a file.
bool readJsonObject(const std::string &path, uint64_t limit, Diagnostics &diagnostics, JsonFile &file);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_CONTEXT_H
