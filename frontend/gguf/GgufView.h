// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tensors of GGUF files as a checkpoint has them: plain floats, rows in the order of Hugging Face. They are made
// when they are read, a few rows at a time.

#ifndef FATHOM_FRONTEND_GGUF_GGUFVIEW_H
#define FATHOM_FRONTEND_GGUF_GGUFVIEW_H

#include "dialects/support/File.h"
#include "dialects/support/FileView.h"
#include "frontend/checkpoint/DType.h"
#include "frontend/gguf/BlockFormat.h"

#include <vector>

namespace fathom::gguf {

/// Rows in one of the files.
struct StoredMatrix {
  uint32_t file = 0;
  uint64_t offset = 0;
  const BlockFormat *format = nullptr;
  uint64_t columns = 0;

  uint64_t rowBytes() const { return columns / format->elements * format->bytes; }
};

enum class Arrangement : uint8_t {
  /// Rows are those of the file.
  AsStored,
  /// Within each head, rows of the file alternate between the first and the second half.
  Alternating,
  /// For each head come the columns of a matrix, then the rows of another.
  KeysAndValues
};

/// A tensor as it is read.
struct ViewedTensor {
  checkpoint::DType dtype = checkpoint::DType::F32;
  uint64_t rows = 0;
  uint64_t columns = 0;
  Arrangement arrangement = Arrangement::AsStored;
  uint64_t heads = 1;
  StoredMatrix matrix;
  /// Of KeysAndValues.
  StoredMatrix values;
  /// Where it lies in the view, one behind the other; add() sets it.
  uint64_t offset = 0;

  uint64_t rowBytes() const { return columns * checkpoint::bitWidth(dtype) / 8; }
  /// Does not overflow where 4 · rows · columns does not.
  uint64_t size() const { return rows * rowBytes(); }
};

class GgufView : public FileView {
public:
  /// The files that matrices are numbered by.
  void setFiles(std::vector<File> opened) { files = std::move(opened); }
  /// Adds a tensor behind the others and returns its place; nothing where the view would grow beyond 2^63 bytes.
  std::optional<uint64_t> add(ViewedTensor tensor);

  uint64_t size() const override;
  bool read(void *out, size_t count, uint64_t offset) const override;

private:
  bool readRows(const ViewedTensor &tensor, uint64_t first, uint64_t count, uint8_t *out) const;
  bool readStored(const StoredMatrix &matrix, uint64_t first, uint64_t count, checkpoint::DType dtype,
                  uint8_t *out) const;
  bool readAlternating(const ViewedTensor &tensor, uint64_t first, uint64_t count, uint8_t *out) const;
  bool readKeysAndValues(const ViewedTensor &tensor, uint64_t first, uint64_t count, uint8_t *out) const;

  std::vector<File> files;
  std::vector<ViewedTensor> tensors;
};

} // namespace fathom::gguf

#endif // FATHOM_FRONTEND_GGUF_GGUFVIEW_H
