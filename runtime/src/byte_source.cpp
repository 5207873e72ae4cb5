// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files and memory as sources of bytes. Headers are read with pread, never through a mapping, so that a file that
// shrinks meanwhile is an error and not a signal.

#include "runtime/src/byte_source.h"

#include "runtime/src/memory.h"
#include "runtime/src/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fathom::runtime {

static fathom_status_t failErrno(const char *verb, const char *path) {
  SystemError error = describeSystemError(errno);
  return fail(error.status, "%s: cannot %s: %s%s%s", path, verb, error.text, error.separator, error.advice);
}

ByteView::~ByteView() {
  if (mapping) {
    munmap(mapping, mappingSize);
  }
}

ByteSource::~ByteSource() {
  if (fd >= 0) {
    close(fd);
  }
}

fathom_status_t ByteSource::openFile(const char *path, uint64_t offset) {
  // O_NONBLOCK: a path that names a pipe must not wait for a writer.
  fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return failErrno("open", path);
  }
  struct stat facts;
  if (fstat(fd, &facts) != 0) {
    return failErrno("stat", path);
  }
  if (!S_ISREG(facts.st_mode)) {
    return fail(FATHOM_STATUS_IO, "%s: expected a regular file%s", path,
                S_ISDIR(facts.st_mode) ? ", this is a directory" : "");
  }
  uint64_t bytes = static_cast<uint64_t>(facts.st_size);
  if (offset > bytes) {
    return fail(FATHOM_STATUS_MISMATCH, "%s: offset %llu is beyond its %llu bytes", path,
                static_cast<unsigned long long>(offset), static_cast<unsigned long long>(bytes));
  }
  start = offset;
  length = bytes - offset;
  return FATHOM_STATUS_OK;
}

void ByteSource::openMemory(const void *data, uint64_t size) {
  memory = static_cast<const unsigned char *>(data);
  length = size;
}

fathom_status_t ByteSource::openSealedCopy(const void *data, uint64_t size) {
  constexpr const char *kName = "memory file";
  // Newer systems want to know that it will hold code; older ones do not know the flag.
  constexpr unsigned kHoldsCode = 0x10;
  fd = memfd_create("fathom", MFD_CLOEXEC | MFD_ALLOW_SEALING | kHoldsCode);
  if (fd < 0 && errno == EINVAL) {
    fd = memfd_create("fathom", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  }
  if (fd < 0) {
    return failErrno("create", kName);
  }
  // Writing more would end a process that does not ignore SIGXFSZ.
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size) {
    errno = EFBIG;
    return failErrno("write", kName);
  }
  errno = writeAll(fd, data, size);
  if (errno != 0) {
    return failErrno("write", kName);
  }
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return failErrno("seal", kName);
  }
  length = size;
  return FATHOM_STATUS_OK;
}

bool ByteSource::mapAt(void *address, uint64_t offset, uint64_t bytes, int protection) const {
  if (fd < 0 || !fits(offset, bytes, length)) {
    errno = EBADF;
    return false;
  }
  return mmap(address, bytes, protection, MAP_PRIVATE | MAP_FIXED, fd, static_cast<off_t>(start + offset)) !=
         MAP_FAILED;
}

fathom_status_t ByteSource::read(uint64_t offset, uint64_t bytes, void *into) const {
  if (!fits(offset, bytes, length)) {
    return fail(FATHOM_STATUS_MISMATCH, "the file has %llu bytes, but %llu bytes at offset %llu are needed",
                static_cast<unsigned long long>(length), static_cast<unsigned long long>(bytes),
                static_cast<unsigned long long>(offset));
  }
  if (memory) {
    memcpy(into, memory + offset, bytes);
    return FATHOM_STATUS_OK;
  }
  char *to = static_cast<char *>(into);
  while (bytes > 0) {
    size_t part = bytes < (size_t(1) << 30) ? bytes : size_t(1) << 30;
    ssize_t got = pread(fd, to, part, static_cast<off_t>(start + offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return fail(FATHOM_STATUS_IO, "cannot read the file: %s", got < 0 ? strerror(errno) : "it became shorter");
    }
    to += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<uint64_t>(got);
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t ByteSource::viewCopy(uint64_t offset, uint64_t bytes, ByteView *out) const {
  void *pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory to read %llu bytes of the file",
                static_cast<unsigned long long>(bytes));
  }
  out->mapping = pages;
  out->mappingSize = bytes;
  out->bytes = static_cast<unsigned char *>(pages);
  madvise(pages, bytes, MADV_HUGEPAGE);
  FATHOM_RETURN_IF_ERROR(read(offset, bytes, pages));
  mprotect(pages, bytes, PROT_READ);
  return FATHOM_STATUS_OK;
}

fathom_status_t ByteSource::view(uint64_t offset, uint64_t bytes, bool copy, ByteView *out) const {
  if (!fits(offset, bytes, length)) {
    return fail(FATHOM_STATUS_MISMATCH, "the file has %llu bytes, but %llu bytes at offset %llu are needed",
                static_cast<unsigned long long>(length), static_cast<unsigned long long>(bytes),
                static_cast<unsigned long long>(offset));
  }
  if (bytes == 0) {
    static const unsigned char nothing = 0;
    out->bytes = &nothing;
    return FATHOM_STATUS_OK;
  }
  if (memory && !copy) {
    out->bytes = memory + offset;
    return FATHOM_STATUS_OK;
  }
  if (!copy) {
    uint64_t at = start + offset, page = at / 4096 * 4096;
    size_t span = bytes + (at - page);
    void *pages = mmap(nullptr, span, PROT_READ, MAP_PRIVATE, fd, static_cast<off_t>(page));
    if (pages != MAP_FAILED) {
      out->mapping = pages;
      out->mappingSize = span;
      out->bytes = static_cast<unsigned char *>(pages) + (at - page);
      return FATHOM_STATUS_OK;
    }
  }
  return viewCopy(offset, bytes, out);
}

fathom_status_t ByteSource::checkStillWhole(const char *name) const {
  struct stat facts;
  if (fd < 0 || (fstat(fd, &facts) == 0 && static_cast<uint64_t>(facts.st_size) >= start + length)) {
    return FATHOM_STATUS_OK;
  }
  return fail(FATHOM_STATUS_IO, "%s became shorter while in use; replace files by rename", name);
}

} // namespace fathom::runtime
