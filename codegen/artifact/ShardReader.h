// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads tensors' bytes from the shards of a checkpoint.

#ifndef FATHOM_CODEGEN_ARTIFACT_SHARDREADER_H
#define FATHOM_CODEGEN_ARTIFACT_SHARDREADER_H

#include "codegen/artifact/Recipe.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <atomic>
#include <memory>
#include <mutex>

namespace fathom::codegen {

/// Opens shards when they are first read and keeps them open. Reads with pread, not through a mapping: a file that is
/// truncated meanwhile is then an error (exit code 5) instead of a signal, and resident memory does not grow.
class ShardReader {
public:
  /// `shards` must outlive the reader.
  explicit ShardReader(llvm::ArrayRef<ShardFile> shards);
  ~ShardReader();
  ShardReader(const ShardReader &) = delete;
  ShardReader &operator=(const ShardReader &) = delete;

  /// Reads exactly `size` bytes at `offset` of a shard into `bytes`. Thread-safe.
  llvm::Error read(uint32_t shard, uint64_t offset, void *bytes, uint64_t size);

private:
  llvm::Expected<int> getDescriptor(uint32_t shard);
  llvm::Expected<int> open(const ShardFile &shard) const;

  llvm::ArrayRef<ShardFile> shards;
  std::mutex opening;
  /// -1 where a shard is not open.
  std::unique_ptr<std::atomic<int>[]> descriptors;
};

/// XXH3-64 of a whole shard. `read` is called with the bytes that each step took.
llvm::Expected<uint64_t> hashShard(const ShardFile &shard, llvm::function_ref<void(uint64_t bytes)> read);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_SHARDREADER_H
