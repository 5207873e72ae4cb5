// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads tensors' bytes from the shards of a checkpoint.

#include "codegen/artifact/ShardReader.h"

#include "dialects/support/ExitError.h"
#include "dialects/support/Hash.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <vector>

namespace fathom::codegen {

llvm::Expected<const File *> ShardReader::open(uint32_t shard) {
  std::lock_guard<std::mutex> lock(opening);
  File &file = files[shard];
  if (file.isOpen()) {
    return &file;
  }
  mode_t mode = 0;
  std::optional<File> opened = File::open(shards[shard].path, mode);
  if (!opened && errno != 0) {
    return makeSystemError("cannot open " + quotePath(shards[shard].path), errno);
  }
  if (!opened || opened->size() != shards[shard].size) {
    return makeError(ExitCode::InputOutput,
                     quotePath(shards[shard].path) +
                         " changed after its header was read; it must not change while it is compiled");
  }
  posix_fadvise(opened->fd(), 0, 0, POSIX_FADV_SEQUENTIAL);
  file = std::move(*opened);
  return &file;
}

llvm::Expected<bool> ShardReader::tryRead(uint32_t shard, uint64_t offset, void *bytes, uint64_t size) {
  if (const FileView *view = shards[shard].view.get()) {
    return view->read(bytes, size, offset);
  }
  llvm::Expected<const File *> file = open(shard);
  return file ? llvm::Expected<bool>((*file)->read(bytes, size, offset)) : file.takeError();
}

llvm::Error ShardReader::read(uint32_t shard, uint64_t offset, void *bytes, uint64_t size) {
  llvm::Expected<bool> isRead = tryRead(shard, offset, bytes, size);
  if (!isRead) {
    return isRead.takeError();
  }
  if (*isRead) {
    return llvm::Error::success();
  }
  return errno != 0
             ? makeSystemError("cannot read " + quotePath(shards[shard].path), errno)
             : makeError(ExitCode::InputOutput, quotePath(shards[shard].path) + " was truncated while it was compiled");
}

llvm::Expected<uint64_t> hashShard(const ShardFile &shard, llvm::function_ref<void(uint64_t bytes)> read) {
  std::vector<char> block(size_t(4) << 20);
  ShardReader reader(shard);
  RunningHash hash;
  for (uint64_t offset = 0; offset < shard.size;) {
    uint64_t step = std::min<uint64_t>(block.size(), shard.size - offset);
    if (llvm::Error error = reader.read(0, offset, block.data(), step)) {
      return std::move(error);
    }
    hash.update({block.data(), step});
    offset += step;
    read(step);
  }
  return hash.digest();
}

} // namespace fathom::codegen
