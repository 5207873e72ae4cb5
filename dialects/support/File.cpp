// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Careful opening and reading.

#include "dialects/support/File.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fathom {

File &File::operator=(File &&other) noexcept {
  std::swap(descriptor, other.descriptor);
  std::swap(bytes, other.bytes);
  return *this;
}

File::~File() {
  if (descriptor >= 0) {
    ::close(descriptor);
  }
}

std::optional<File> File::open(const std::string &path, mode_t &mode) {
  if (path.find('\0') != std::string::npos) {
    errno = EINVAL;
    return std::nullopt;
  }
  struct stat status;
  // Before open: opening a device can have effects of its own.
  if (::stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  File file;
  if (S_ISREG(status.st_mode)) {
    file.descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file.descriptor < 0 || ::fstat(file.descriptor, &status) != 0) {
      return std::nullopt;
    }
  }
  mode = status.st_mode;
  file.bytes = static_cast<uint64_t>(status.st_size);
  errno = 0;
  return S_ISREG(mode) ? std::optional<File>(std::move(file)) : std::nullopt;
}

bool File::read(void *out, size_t count, uint64_t offset) const {
  auto *to = static_cast<char *>(out);
  while (count > 0) {
    // Linux moves at most 2 GiB a call.
    ssize_t got = ::pread(descriptor, to, std::min<size_t>(count, 1u << 30), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      errno = got == 0 ? 0 : errno;
      return false;
    }
    to += got;
    count -= static_cast<size_t>(got);
    offset += static_cast<uint64_t>(got);
  }
  return true;
}

} // namespace fathom
