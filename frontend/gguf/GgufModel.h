// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GGUF files as a checkpoint of Hugging Face: what its config.json, its tokenizer.json and its shards would say.

#ifndef FATHOM_FRONTEND_GGUF_GGUFMODEL_H
#define FATHOM_FRONTEND_GGUF_GGUFMODEL_H

#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/gguf/ConvertConfig.h"
#include "frontend/gguf/ConvertTokenizer.h"
#include "frontend/gguf/GgufView.h"

namespace fathom::gguf {

/// Reports findings about a config.json, a tokenizer.json or tensors of a checkpoint as findings about a GGUF file.
void forward(const Diagnostics &findings, llvm::StringRef path, llvm::ArrayRef<KeyName> keys, Diagnostics &diagnostics);

/// The vocabulary of a file, or of the first of several; nothing where it has none, and after a finding.
std::optional<ConvertedTokenizer> readTokenizer(llvm::StringRef path, Diagnostics &diagnostics);

class GgufModel {
public:
  /// Opens a file, or the first of a model in several, with the others. Reports all findings; returns nothing after an
  /// error.
  static std::unique_ptr<GgufModel> open(llvm::StringRef path, Diagnostics &diagnostics);

  /// The text of a config.json; empty after an error.
  const std::string &config() const { return converted.text; }
  /// What each frequency of rotations is divided by; empty: nothing.
  const std::vector<double> &ropeDivisors() const { return divisors; }
  /// The tensors, by the names that Hugging Face gives them, in one shard. Takes them.
  std::unique_ptr<checkpoint::Checkpoint> takeCheckpoint(Diagnostics &diagnostics);

  /// The files and their tables, in order.
  struct Part {
    std::string name, path;
    uint64_t size = 0;
    std::unique_ptr<GgufFile> file;
  };
  llvm::ArrayRef<Part> parts() const { return files; }

  /// The same, about this one.
  void forward(const Diagnostics &findings, Diagnostics &diagnostics) const;

private:
  friend class GgufOpener;
  std::string path;
  std::vector<Part> files;
  ConvertedConfig converted;
  std::vector<double> divisors;
  checkpoint::Shard shard;
};

} // namespace fathom::gguf

#endif // FATHOM_FRONTEND_GGUF_GGUFMODEL_H
