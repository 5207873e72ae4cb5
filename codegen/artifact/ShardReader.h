// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads tensors' bytes from the shards of a checkpoint.

#ifndef FATHOM_CODEGEN_ARTIFACT_SHARDREADER_H
#define FATHOM_CODEGEN_ARTIFACT_SHARDREADER_H

#include "codegen/artifact/Recipe.h"
#include "dialects/support/File.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <mutex>
#include <vector>

namespace fathom::codegen {

/// Opens shards when they are first read and keeps them open. Reads with pread, not through a mapping: a file that is
/// truncated meanwhile is then an error (exit code 5) instead of a signal, and resident memory does not grow.
class ShardReader {
public:
  /// `shards` must outlive the reader.
  explicit ShardReader(llvm::ArrayRef<ShardFile> shards) : shards(shards), files(shards.size()) {}

  /// Reads exactly `size` bytes at `offset` of a shard into `bytes`. Thread-safe.
  llvm::Error read(uint32_t shard, uint64_t offset, void *bytes, uint64_t size);

private:
  llvm::Expected<const File *> open(uint32_t shard);
  /// False, with errno, where the bytes cannot be read.
  llvm::Expected<bool> tryRead(uint32_t shard, uint64_t offset, void *bytes, uint64_t size);

  llvm::ArrayRef<ShardFile> shards;
  /// Guards the opening of files, not what is open.
  std::mutex opening;
  std::vector<File> files;
};

/// XXH3-64 of a whole shard. `read` is called with the bytes that each step took.
llvm::Expected<uint64_t> hashShard(const ShardFile &shard, llvm::function_ref<void(uint64_t bytes)> read);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_SHARDREADER_H
