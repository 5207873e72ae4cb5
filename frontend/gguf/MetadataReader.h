// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values of the metadata by key, with findings where one is of another type.

#ifndef FATHOM_FRONTEND_GGUF_METADATAREADER_H
#define FATHOM_FRONTEND_GGUF_METADATAREADER_H

#include "frontend/gguf/GgufFile.h"
#include "llvm/ADT/StringSet.h"

namespace fathom::gguf {

class MetadataReader {
public:
  /// `path` names the file in findings.
  MetadataReader(const GgufFile &file, llvm::StringRef path, Diagnostics &diagnostics)
      : file(file), path(path), diagnostics(diagnostics) {}

  /// The value of a key; nothing where it is absent or, with a finding, of another type.
  std::optional<int64_t> integer(llvm::StringRef key);
  std::optional<double> real(llvm::StringRef key);
  std::optional<bool> boolean(llvm::StringRef key);
  /// UTF-8.
  std::optional<llvm::StringRef> string(llvm::StringRef key);
  std::optional<std::vector<llvm::StringRef>> strings(llvm::StringRef key);
  std::optional<std::vector<int64_t>> integers(llvm::StringRef key);

  /// A number as it was before it was rounded to the file's type, if that had fewer digits: "1e-06".
  std::optional<std::string> spellReal(llvm::StringRef key);

  bool has(llvm::StringRef key) const { return file.find(key) != nullptr; }
  /// Of a key that only describes.
  void passOver(llvm::StringRef key) { asked.insert(key); }
  /// Warns of keys that begin with `prefix` and that nobody asked for.
  void warnOfUnread(llvm::StringRef prefix);

  void bad(llvm::StringRef key, const llvm::Twine &message, llvm::StringRef hint = {}) {
    diagnostics.error(Problem::BadInput, "bad-metadata", path, key, message, hint);
  }
  void unsupported(llvm::StringRef key, const llvm::Twine &message, llvm::StringRef hint = {}) {
    diagnostics.error(Problem::Unsupported, "unsupported-metadata", path, key, message, hint);
  }
  const GgufFile &getFile() const { return file; }

private:
  const Value *ask(llvm::StringRef key);
  void refuse(llvm::StringRef key, const Value &value, llvm::StringRef expected);
  template <typename Result>
  std::optional<Result> take(llvm::StringRef key, std::optional<Result> (GgufFile::*read)(const Value &) const,
                             llvm::StringRef expected);

  const GgufFile &file;
  llvm::StringRef path;
  Diagnostics &diagnostics;
  llvm::StringSet<> asked;
};

/// The shortest decimal that rounds to `number`.
std::string spell(float number);

} // namespace fathom::gguf

#endif // FATHOM_FRONTEND_GGUF_METADATAREADER_H
