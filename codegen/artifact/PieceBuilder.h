// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Makes the bytes of one piece of a weight slice.

#ifndef FATHOM_CODEGEN_ARTIFACT_PIECEBUILDER_H
#define FATHOM_CODEGEN_ARTIFACT_PIECEBUILDER_H

#include "codegen/artifact/RecipePlan.h"
#include "codegen/artifact/ShardReader.h"

#include <tuple>
#include <vector>

namespace fathom::codegen {

/// An element of a slice: which source of its recipe it is in, and where there.
struct ElementPlace {
  size_t source = 0;
  int64_t row = 0;
  int64_t column = 0;

  bool operator<(const ElementPlace &other) const {
    return std::tie(source, row, column) < std::tie(other.source, other.row, other.column);
  }
};

/// Values of a weight that cannot be meant. Each element and each scale of the sources counts once.
struct OddValues {
  /// NaN or infinite elements, and where the first one is when there is one.
  uint64_t nonFinite = 0;
  ElementPlace firstNonFinite;
  /// NaN, infinite or negative scales.
  uint64_t badScales = 0;

  bool any() const { return nonFinite != 0 || badScales != 0; }
};

/// Reads and transforms; owns the buffers, which grow to the largest piece and no further. One for each thread.
class PieceBuilder {
public:
  explicit PieceBuilder(ShardReader &reader) : reader(reader) {}

  /// Makes `piece` of what `recipe`, which must have passed computeSliceSize(), ends in.
  llvm::Error build(const SliceRecipe &recipe, const Piece &piece);

  /// The piece's bytes, until the next build().
  llvm::StringRef bytes() const { return {reinterpret_cast<const char *>(output.data()), output.size()}; }
  /// What build() found in the piece.
  OddValues oddValues() const { return found; }
  /// For each source of the recipe whether build() met a value of it that is not zero.
  llvm::ArrayRef<char> nonzeroSources() const { return nonzero; }

private:
  /// Whether rows are met for the first time: only then odd values in them count.
  enum class Visit { First, Again };

  // Each makes a piece of a matrix in `target`: of matrix number `matrix`, of a source, or of what a step makes.
  llvm::Error read(uint32_t matrix, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error readSource(uint32_t number, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error run(const RopeTable &rope, const Step &step, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error run(const Constant &constant, const Step &step, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error run(const Transpose &transpose, const Step &step, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error run(const Unpack &unpack, const Step &step, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error run(const Dequantize &dequantize, const Step &step, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error run(const Quantize &quantize, const Step &step, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error run(const QuantizeScales &quantize, const Step &step, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error run(const ToBF16 &convert, const Step &step, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error run(const ToF32 &convert, const Step &step, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error run(const RepeatRows &repeat, const Step &step, const Piece &piece, Visit visit, uint8_t *target);
  llvm::Error run(const PackPanels &pack, const Step &step, const Piece &piece, Visit visit, uint8_t *target);
  /// Steps whose rows are those of their inputs in another order: getRowRun() tells which.
  template <typename RowMap>
  llvm::Error run(const RowMap &map, const Step &step, const Piece &piece, Visit visit, uint8_t *target);

  /// A piece of matrix number `matrix` as f32.
  llvm::Expected<const float *> readNumbers(uint32_t matrix, const Piece &piece, Visit visit);
  /// What matrix number `matrix` has for the blocks that `piece` touches, row by row.
  llvm::Expected<const float *> readBlocks(const Dequantize &blocks, uint32_t matrix, const Piece &piece, Visit visit);
  llvm::Error readBytes(const Source &source, const Piece &piece, uint8_t *target);
  void judge(uint32_t source, const Piece &piece, const uint8_t *elements);
  /// A buffer of `size` bytes for the step at hand; steps that it calls get others.
  uint8_t *getBuffer(uint64_t size);

  ShardReader &reader;
  const SliceRecipe *recipe = nullptr;
  std::vector<MatrixShape> shapes;
  std::vector<uint8_t> output;
  /// What steps on the way read from; the first `buffersInUse` belong to steps that are running.
  std::vector<std::vector<uint8_t>> buffers;
  size_t buffersInUse = 0;
  OddValues found;
  std::vector<char> nonzero;
};

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_PIECEBUILDER_H
