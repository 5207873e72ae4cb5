// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
#include "frontend/gguf/GgufView.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"

#include <algorithm>
#include <cstring>

namespace fathom::gguf {

using checkpoint::DType;

/// As few bytes are read at once from a file whose rows become others.
static constexpr uint64_t kPieceBytes = 1 << 18;

std::optional<uint64_t> GgufView::add(ViewedTensor tensor) {
  tensor.offset = size();
  uint64_t bytes = 0, end = 0;
  bool fits = !__builtin_mul_overflow(tensor.rows, tensor.rowBytes(), &bytes) &&
              !__builtin_add_overflow(tensor.offset, bytes, &end) && end <= INT64_MAX;
  if (!fits) {
    return std::nullopt;
  }
  tensors.push_back(tensor);
  return tensor.offset;
}

uint64_t GgufView::size() const { return tensors.empty() ? 0 : tensors.back().offset + tensors.back().size(); }

bool GgufView::read(void *out, size_t count, uint64_t offset) const {
  auto *bytes = static_cast<uint8_t *>(out);
  std::vector<uint8_t> part;
  while (count > 0) {
    const ViewedTensor &tensor = *std::prev(
        llvm::upper_bound(tensors, offset, [](uint64_t at, const ViewedTensor &t) { return at < t.offset; }));
    uint64_t rowBytes = tensor.rowBytes(), row = (offset - tensor.offset) / rowBytes;
    uint64_t skipped = (offset - tensor.offset) % rowBytes, taken = 0;
    if (skipped == 0 && count >= rowBytes) {
      uint64_t rows = std::min<uint64_t>(count / rowBytes, tensor.rows - row);
      taken = rows * rowBytes;
      if (!readRows(tensor, row, rows, bytes)) {
        return false;
      }
    } else {
      part.resize(rowBytes);
      taken = std::min<uint64_t>(count, rowBytes - skipped);
      if (!readRows(tensor, row, 1, part.data())) {
        return false;
      }
      memcpy(bytes, part.data() + skipped, taken);
    }
    bytes += taken;
    offset += taken;
    count -= taken;
  }
  return true;
}

bool GgufView::readRows(const ViewedTensor &tensor, uint64_t first, uint64_t count, uint8_t *out) const {
  switch (tensor.arrangement) {
  case Arrangement::AsStored:
    return readStored(tensor.matrix, first, count, tensor.dtype, out);
  case Arrangement::Alternating:
    return readAlternating(tensor, first, count, out);
  case Arrangement::KeysAndValues:
    return readKeysAndValues(tensor, first, count, out);
  }
  return false;
}

/// Writes what `count` blocks stand for, as f32.
static void dequantize(const BlockFormat &format, const uint8_t *blocks, uint64_t count, uint8_t *out) {
  float numbers[256];
  for (uint64_t i = 0; i < count; ++i, blocks += format.bytes, out += format.elements * sizeof(float)) {
    if (format.dequantize) {
      format.dequantize(blocks, numbers);
    } else if (format.code == TypeCode::BF16) {
      numbers[0] = __builtin_bit_cast(float, static_cast<uint32_t>(llvm::support::endian::read16le(blocks)) << 16);
    } else {
      numbers[0] = static_cast<float>(__builtin_bit_cast(_Float16, llvm::support::endian::read16le(blocks)));
    }
    memcpy(out, numbers, format.elements * sizeof(float));
  }
}

bool GgufView::readStored(const StoredMatrix &matrix, uint64_t first, uint64_t count, DType dtype, uint8_t *out) const {
  const File &file = files[matrix.file];
  const BlockFormat &format = *matrix.format;
  uint64_t begin = matrix.offset + first * matrix.rowBytes(), bytes = count * matrix.rowBytes();
  // Only types of one element have names that are also a checkpoint's.
  if (checkpoint::name(dtype) == format.name) {
    return file.read(out, bytes, begin);
  }
  uint64_t most = kPieceBytes / format.bytes;
  std::vector<uint8_t> piece(std::min(bytes, most * format.bytes));
  for (uint64_t at = 0; at < bytes; at += piece.size()) {
    uint64_t blocks = std::min<uint64_t>(most, (bytes - at) / format.bytes);
    if (!file.read(piece.data(), blocks * format.bytes, begin + at)) {
      return false;
    }
    dequantize(format, piece.data(), blocks, out);
    out += blocks * format.elements * sizeof(float);
  }
  return true;
}

bool GgufView::readAlternating(const ViewedTensor &tensor, uint64_t first, uint64_t count, uint8_t *out) const {
  uint64_t width = tensor.rows / tensor.heads, half = width / 2;
  for (uint64_t row = first; row < first + count; ++row, out += tensor.rowBytes()) {
    uint64_t inHead = row % width;
    uint64_t stored = row - inHead + 2 * (inHead % half) + inHead / half;
    if (!readStored(tensor.matrix, stored, 1, tensor.dtype, out)) {
      return false;
    }
  }
  return true;
}

bool GgufView::readKeysAndValues(const ViewedTensor &tensor, uint64_t first, uint64_t count, uint8_t *out) const {
  // The keys of a head are stored as [latent, width]: their rows here are columns there.
  uint64_t keys = tensor.matrix.columns, latent = tensor.columns, width = checkpoint::bitWidth(tensor.dtype) / 8;
  uint64_t perHead = tensor.rows / tensor.heads, loaded = UINT64_MAX;
  std::vector<uint8_t> stored(keys * latent * width);
  for (uint64_t row = first; row < first + count; ++row, out += tensor.rowBytes()) {
    uint64_t head = row / perHead, inHead = row % perHead;
    if (inHead >= keys) {
      if (!readStored(tensor.values, head * (perHead - keys) + inHead - keys, 1, tensor.dtype, out)) {
        return false;
      }
      continue;
    }
    if (head != loaded && !readStored(tensor.matrix, head * latent, latent, tensor.dtype, stored.data())) {
      return false;
    }
    loaded = head;
    for (uint64_t column = 0; column < latent; ++column) {
      memcpy(out + column * width, &stored[(column * keys + inHead) * width], width);
    }
  }
  return true;
}

} // namespace fathom::gguf
