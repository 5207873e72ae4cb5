// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes that a file stands for, where they are not those in it.

#ifndef FATHOM_DIALECTS_SUPPORT_FILEVIEW_H
#define FATHOM_DIALECTS_SUPPORT_FILEVIEW_H

#include <cstddef>
#include <cstdint>

namespace fathom {

/// What is read in place of a file whose own format nobody behind the frontend knows.
class FileView {
public:
  virtual ~FileView() = default;
  /// In bytes.
  virtual uint64_t size() const = 0;
  /// Reads exactly `count` bytes at `offset`, within size(); false with errno (0: the file ended) otherwise.
  /// Thread-safe.
  virtual bool read(void *out, size_t count, uint64_t offset) const = 0;
};

} // namespace fathom

#endif // FATHOM_DIALECTS_SUPPORT_FILEVIEW_H
