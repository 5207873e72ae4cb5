// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reporting and reading.

#include "frontend/tokenizer/Context.h"

#include "frontend/checkpoint/Files.h"

namespace fathom::frontend {

void Context::report(Problem problem, llvm::StringRef code, llvm::StringRef where, Value at, const llvm::Twine &message,
                     llvm::StringRef hint) const {
  std::string place = where.str();
  // Finding the line is linear in the file: only for what will be shown.
  if (at && diagnostics.errorCount() < Diagnostics::kShownPerKind) {
    place += place.empty() ? at.where() : " (" + at.where() + ")";
  }
  diagnostics.error(problem, code, file, place, message, hint);
}

bool Context::boolean(Value object, llvm::StringRef key, llvm::StringRef where, bool otherwise) const {
  Value value = object.find(key);
  if (!value || value.isNull()) {
    return otherwise;
  }
  if (std::optional<bool> flag = value.boolean()) {
    return *flag;
  }
  bad("tokenizer-type", (where + (where.empty() ? "" : ".") + key).str(), value,
      "expected true or false, found " + show(value));
  return otherwise;
}

std::string quote(llvm::StringRef text) { return "'" + escape(text, 80) + "'"; }

std::string show(Value value) {
  if (!value) {
    return "nothing";
  }
  if (value.isString()) {
    return quote(value.string());
  }
  if (value.kind() == checkpoint::json::Kind::Number) {
    return escape(value.spelling(), 40);
  }
  return checkpoint::json::describe(value.kind()).str();
}

bool parseJsonObject(const std::string &path, Diagnostics &diagnostics, JsonFile &file) {
  llvm::StringRef kind = checkpoint::recognize(llvm::StringRef(file.text).take_front(4096));
  checkpoint::json::SyntaxError error;
  if (!file.document.parse(file.text, error)) {
    diagnostics.error(Problem::BadInput, "json-syntax", path, error.where(), error.message, kind);
    return false;
  }
  if (!file.root().isObject()) {
    diagnostics.error(Problem::BadInput, "json-type", path, "", "expected an object, found " + show(file.root()));
    return false;
  }
  return true;
}

bool readJsonObject(const std::string &path, uint64_t limit, Diagnostics &diagnostics, JsonFile &file) {
  std::optional<std::string> text = checkpoint::readTextFile(path, path, limit, diagnostics);
  if (!text) {
    return false;
  }
  file.text = std::move(*text);
  return parseJsonObject(path, diagnostics, file);
}

} // namespace fathom::frontend
