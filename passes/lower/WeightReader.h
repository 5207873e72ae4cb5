// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of stored weights as f32. Internal to the lower phase.

#ifndef FATHOM_PASSES_LOWER_WEIGHTREADER_H
#define FATHOM_PASSES_LOWER_WEIGHTREADER_H

#include "passes/support/StructuredBuilder.h"

#include "dialects/deepseek/DeepSeek.h"

namespace fathom {

/// Reads a weight, or one expert's part of several. Those have a leading dimension of experts, or are, in functions
/// that fathom-convert-deepseek-to-plan made, the cast of a !plan.table, whose element is then looked up here.
class WeightReader {
public:
  explicit WeightReader(StructuredBuilder &b, mlir::Value weight, mlir::Value scale = {},
                        deepseek::BlockScaleAttr block = {}, mlir::Value expert = {});

  /// The element at `indices` of the weight as stored.
  mlir::Value read(mlir::ValueRange indices) const;
  /// Element (n, k) of [outputs, inputs] times its scale; or a vector of `count` of them, from k on, a multiple of it.
  mlir::Value read(mlir::Value output, mlir::Value input, int64_t count = 1) const;
  /// Whether there are such vectors: elements are neighbors in memory, and have one scale.
  bool hasVectors(int64_t count) const;
  int64_t getInputs() const { return inputs; }

private:
  /// What is indexed, a tensor or a memref, behind some leading indices.
  struct Source {
    mlir::Value memory;
    llvm::SmallVector<mlir::Value, 1> leading;
  };
  Source select(mlir::Value weight, mlir::Value expert) const;
  mlir::Value load(const Source &source, mlir::ValueRange indices, int64_t count = 1) const;
  mlir::Value readScale(mlir::Value output, mlir::Value input) const;

  StructuredBuilder &b;
  Source weight;
  Source scale;
  deepseek::BlockScaleAttr block;
  int64_t inputs = 0;
};

} // namespace fathom

#endif // FATHOM_PASSES_LOWER_WEIGHTREADER_H
