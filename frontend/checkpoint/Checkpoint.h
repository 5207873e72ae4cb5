// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A checkpoint directory: which shards it has, which tensors are in them, and that all of it is consistent.

#ifndef FATHOM_FRONTEND_CHECKPOINT_CHECKPOINT_H
#define FATHOM_FRONTEND_CHECKPOINT_CHECKPOINT_H

#include "dialects/support/FileView.h"
#include "frontend/checkpoint/Safetensors.h"
#include "frontend/checkpoint/StringIndex.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fathom::checkpoint {

/// One file of a checkpoint.
struct Shard {
  /// The file's name in the checkpoint directory, as the index spells it.
  std::string name;
  /// The directory and the name, for opening it.
  std::string path;
  /// Of what is read: the file, or its view.
  uint64_t size = 0;
  std::unique_ptr<TensorTable> header;
  /// What the file stands for, where tensors are not in it as the header says; null: they are.
  std::shared_ptr<const FileView> view;
};

/// A tensor and the shard it is in.
struct TensorRef {
  uint32_t shard;
  const TensorInfo *tensor;
};

/// A checkpoint opened for reading: every header is parsed, no file stays open.
class Checkpoint {
public:
  /// Opens `directory`, which holds model.safetensors.index.json and its shards, or model.safetensors.
  /// Reports all findings; returns nothing after an error.
  static std::unique_ptr<Checkpoint> open(llvm::StringRef directory, Diagnostics &diagnostics);
  /// The same, with the shards that are sound also after an error: to look at, not to compute with.
  static std::unique_ptr<Checkpoint> openSound(llvm::StringRef directory, Diagnostics &diagnostics);

  /// A checkpoint of one shard that is open already. Reports tensors of one name.
  static std::unique_ptr<Checkpoint> assemble(llvm::StringRef directory, Shard shard, Diagnostics &diagnostics);

  const std::string &directory() const { return root; }
  /// In the order of their names.
  const std::vector<Shard> &shards() const { return files; }
  /// Number of tensors in all shards.
  size_t tensorCount() const { return tensors.size(); }
  /// All tensors, by shard and in header order.
  const std::vector<TensorRef> &allTensors() const { return tensors; }
  /// Position of a tensor in allTensors(), or nothing.
  std::optional<size_t> find(llvm::StringRef name) const;
  /// Whether two tensors of as many bytes hold the same; reads both, a piece of a MiB at a time, and of those no more
  /// than `maxPieces`, at even distances. Nothing after a finding about a shard that cannot be read.
  std::optional<bool> holdSame(const TensorRef &a, const TensorRef &b, Diagnostics &diagnostics,
                               uint64_t maxPieces = UINT64_MAX) const;

private:
  friend class CheckpointOpener;
  std::string root;
  std::vector<Shard> files;
  std::vector<TensorRef> tensors;
  StringIndex names;
};

} // namespace fathom::checkpoint

#endif // FATHOM_FRONTEND_CHECKPOINT_CHECKPOINT_H
