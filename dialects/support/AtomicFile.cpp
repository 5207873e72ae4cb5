// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file that appears whole or not at all: temporary file, flush, rename, flush of the directory.

#include "dialects/support/AtomicFile.h"

#include "dialects/support/ExitError.h"
#include "dialects/support/OutputPath.h"

#include <cerrno>
#include <climits>
#include <sys/random.h>

namespace fathom {

template <typename Call>
static auto retryInterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) {
    result = call();
  }
  return result;
}

/// ".NAME.tmp" and 16 digits nobody can guess, shortened to what a file name may be.
static std::string makeTemporaryName(llvm::StringRef name, uint64_t random) {
  static const char digits[] = "0123456789abcdef";
  std::string suffix = ".tmp";
  for (int shift = 60; shift >= 0; shift -= 4) {
    suffix += digits[random >> shift & 15];
  }
  return "." + name.take_front(NAME_MAX - 1 - suffix.size()).str() + suffix;
}

AtomicFile::AtomicFile(std::string path, const AtomicFileOptions &options)
    : path(std::move(path)), executable(options.executable),
      fileSystem(options.fileSystem ? *options.fileSystem : FileSystem::system()) {}

AtomicFile::~AtomicFile() {
  if (file >= 0) {
    fileSystem.close(file);
  }
  if (pending) {
    fileSystem.unlink(directory, temporaryName.c_str());
  }
  // Before the directory's descriptor is closed and its number given to something else.
  registration.reset();
  if (directory >= 0) {
    fileSystem.close(directory);
  }
}

llvm::Error AtomicFile::failure(const char *what, int errorNumber) const {
  return makeSystemError(llvm::Twine("cannot ") + what + " output file " + quotePath(path), errorNumber);
}

llvm::Expected<std::unique_ptr<AtomicFile>> AtomicFile::create(llvm::StringRef path, const AtomicFileOptions &options) {
  if (llvm::Error error = checkOutputPath(path, options.inputs)) {
    return std::move(error);
  }
  std::unique_ptr<AtomicFile> result(new AtomicFile(path.str(), options));
  if (llvm::Error error = result->open()) {
    return std::move(error);
  }
  return std::move(result);
}

llvm::Error AtomicFile::open() {
  SplitPath parts = splitPath(path);
  name = parts.name;
  directory = retryInterrupted([&] { return fileSystem.openDirectory(parts.directory.c_str()); });
  if (directory < 0) {
    return makeSystemError("cannot open directory " + quotePath(parts.directory) + " of the output file", errno);
  }
  // A name that exists is as good as impossible; EEXIST then means that somebody guesses, or a broken generator.
  for (int attempt = 0; attempt < 8 && file < 0; ++attempt) {
    uint64_t random = 0;
    if (retryInterrupted([&] { return getrandom(&random, sizeof(random), 0); }) != sizeof(random)) {
      return failure("name", errno);
    }
    temporaryName = makeTemporaryName(name, random);
    // Registered first: an interruption between the two calls must not leave the file behind.
    registration.emplace(directory, parts.directory, temporaryName);
    if (!registration->isRegistered()) {
      return makeError(ExitCode::Resources, "too many output files at once; close some first");
    }
    file = retryInterrupted([&] { return fileSystem.createExclusive(directory, temporaryName.c_str()); });
    if (file < 0 && errno != EEXIST) {
      return failure("create", errno);
    }
  }
  pending = file >= 0;
  return pending ? llvm::Error::success() : failure("create", EEXIST);
}

llvm::Error AtomicFile::reserve(uint64_t size) {
  if (size > static_cast<uint64_t>(INT64_MAX)) {
    return failure("reserve space for", EFBIG);
  }
  if (size == 0) {
    return llvm::Error::success();
  }
  int result = retryInterrupted([&] { return fileSystem.allocate(file, size); });
  // Some file systems have no such call. The writes will then say whether there is space.
  if (result < 0 && errno != EOPNOTSUPP && errno != ENOSYS) {
    return makeSystemError("cannot reserve " + llvm::Twine(size) + " bytes for output file " + quotePath(path), errno);
  }
  return llvm::Error::success();
}

llvm::Error AtomicFile::writeAt(uint64_t offset, llvm::StringRef bytes) {
  while (!bytes.empty()) {
    ssize_t written = fileSystem.writeAt(file, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return failure("write", written < 0 ? errno : EIO);
    }
    bytes = bytes.drop_front(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return llvm::Error::success();
}

llvm::Error AtomicFile::syncFile(int descriptor, const char *what) {
  if (retryInterrupted([&] { return fileSystem.sync(descriptor); }) != 0) {
    return failure(what, errno);
  }
  return llvm::Error::success();
}

llvm::Error AtomicFile::closeFile() {
  int descriptor = file;
  file = -1;
  // Linux has released the descriptor whatever close returns; EINTR is not a failure.
  if (fileSystem.close(descriptor) != 0 && errno != EINTR) {
    return failure("close", errno);
  }
  return llvm::Error::success();
}

llvm::Error AtomicFile::commit() {
  mode_t mode = (executable ? 0777 : 0666) & ~readUmask();
  if (fileSystem.changeMode(file, mode) != 0) {
    return failure("set the mode of", errno);
  }
  if (llvm::Error error = syncFile(file, "flush")) {
    return error;
  }
  if (llvm::Error error = closeFile()) {
    return error;
  }
  if (fileSystem.rename(directory, temporaryName.c_str(), name.c_str()) != 0) {
    return failure("rename", errno);
  }
  pending = false;
  return syncFile(directory, "flush the directory of");
}

} // namespace fathom
