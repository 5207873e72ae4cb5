// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads tensors' bytes from the shards of a checkpoint.

#include "codegen/artifact/ShardReader.h"

#include "codegen/artifact/ExitError.h"
#include "codegen/artifact/Hash.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace fathom::codegen {

ShardReader::ShardReader(llvm::ArrayRef<ShardFile> shards)
    : shards(shards), descriptors(new std::atomic<int>[shards.size()]) {
  for (size_t i = 0; i < shards.size(); ++i) {
    descriptors[i].store(-1, std::memory_order_relaxed);
  }
}

ShardReader::~ShardReader() {
  for (size_t i = 0; i < shards.size(); ++i) {
    if (int descriptor = descriptors[i].load(); descriptor >= 0) {
      close(descriptor);
    }
  }
}

llvm::Expected<int> ShardReader::open(const ShardFile &shard) const {
  // O_NONBLOCK: a pipe in a file's place must not hang the compiler.
  int descriptor = ::open(shard.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    return makeSystemError("cannot open " + quotePath(shard.path), errno);
  }
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<uint64_t>(status.st_size) != shard.size) {
    close(descriptor);
    return makeError(ExitCode::InputOutput, quotePath(shard.path) +
                                                " changed after its header was read; it must not change while it is "
                                                "compiled");
  }
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
  return descriptor;
}

llvm::Expected<int> ShardReader::getDescriptor(uint32_t shard) {
  if (int descriptor = descriptors[shard].load(std::memory_order_acquire); descriptor >= 0) {
    return descriptor;
  }
  std::lock_guard<std::mutex> lock(opening);
  if (int descriptor = descriptors[shard].load(std::memory_order_acquire); descriptor >= 0) {
    return descriptor;
  }
  llvm::Expected<int> opened = open(shards[shard]);
  if (opened) {
    descriptors[shard].store(*opened, std::memory_order_release);
  }
  return opened;
}

llvm::Error ShardReader::read(uint32_t shard, uint64_t offset, void *bytes, uint64_t size) {
  llvm::Expected<int> descriptor = getDescriptor(shard);
  if (!descriptor) {
    return descriptor.takeError();
  }
  char *position = static_cast<char *>(bytes);
  while (size > 0) {
    ssize_t count = pread(*descriptor, position, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return makeSystemError("cannot read " + quotePath(shards[shard].path), errno);
    }
    if (count == 0) {
      return makeError(ExitCode::InputOutput, quotePath(shards[shard].path) + " ends at byte " + llvm::Twine(offset) +
                                                  "; it was truncated while it was compiled");
    }
    position += count;
    offset += count;
    size -= count;
  }
  return llvm::Error::success();
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
