// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// model.safetensors.index.json: which shard each tensor is in.

#ifndef FATHOM_FRONTEND_CHECKPOINT_WEIGHTINDEX_H
#define FATHOM_FRONTEND_CHECKPOINT_WEIGHTINDEX_H

#include "frontend/checkpoint/Diagnostics.h"
#include "frontend/checkpoint/StringIndex.h"

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace fathom::checkpoint {

namespace json {
class Document;
}

/// A parsed index. Tensor names live in it; not movable once parsed.
class WeightIndex {
public:
  /// Parses `text`; reports all findings, naming `file`. False after an error.
  bool parse(std::string text, llvm::StringRef file, Diagnostics &diagnostics);

  /// Shard file names, sorted: each is one plain name that ends in ".safetensors".
  const std::vector<std::string> &shards() const { return shardNames; }
  /// Tensor names, in the order of the file.
  const StringIndex &tensors() const { return tensorNames; }
  /// The shard (an index into shards()) of a tensor, by its number in tensors().
  uint32_t shardOf(uint32_t tensor) const { return shardOfTensor[tensor]; }
  /// metadata.total_size: bytes of all tensors together.
  std::optional<uint64_t> totalSize() const { return total; }

private:
  void readTotalSize(const json::Document &document, llvm::StringRef file, Diagnostics &diagnostics);
  /// Adds a tensor in the shard of that name, which `shards` numbers. False when there are too many.
  bool add(llvm::StringRef tensor, llvm::StringRef shard, StringIndex &shards, llvm::StringRef file,
           Diagnostics &diagnostics);
  void sortShards();

  std::deque<std::string> storage;
  std::vector<std::string> shardNames;
  StringIndex tensorNames;
  std::vector<uint32_t> shardOfTensor;
  std::optional<uint64_t> total;
};

/// What is wrong with `name` as the name of a file inside a directory: not one plain component. Empty if nothing.
llvm::StringRef faultOfFileName(llvm::StringRef name);

} // namespace fathom::checkpoint

#endif // FATHOM_FRONTEND_CHECKPOINT_WEIGHTINDEX_H
