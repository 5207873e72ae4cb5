// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the values of a function are in memory, while it becomes a plan.

#ifndef FATHOM_PASSES_PLAN_BUFFERS_H
#define FATHOM_PASSES_PLAN_BUFFERS_H

#include "passes/plan/Passes.h"

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace fathom {

/// How many rows an activation has: a value of this call, and the most there can be. Null rows: a static shape.
struct RowCount {
  mlir::Value rows;
  int64_t most = 1;
};

/// Where a tensor is: columns [offset, offset + width) of an activation's memory, or a weight.
struct Place {
  mlir::Value memory;
  RowCount count;
  int64_t offset = 0;
};

using Places = llvm::DenseMap<mlir::Value, Place>;

/// Rows of the call, however many there are, as activations or ids.
bool hasCountedRows(mlir::Type type);

/// The memref of a tensor's shape and type.
mlir::MemRefType getMemRefType(mlir::Type tensor);

/// The memory of a weight's slice, or the table of a layer's experts.
mlir::Type getWeightMemory(deepseek::WeightSymbol weight);

/// The rows of an op's result: what a ComputeOp says; any other op has a row for each of its first operand.
deepseek::RowRule getResultRows(mlir::OpResult result);

/// Places of one function's tensors; gives them memory at the insertion point of `builder`.
class Buffers {
public:
  Buffers(mlir::OpBuilder &builder, mlir::Value call, Places places)
      : builder(builder), call(call), places(std::move(places)) {}

  void set(mlir::Value value, const Place &place) { places[value] = place; }
  const Place &get(mlir::Value value) const { return places.find(value)->second; }

  /// Gives every tensor result of `op` memory, unless the function's caller did: as many rows as `like`, or as the op
  /// says. Reports results whose rows are not counted.
  mlir::LogicalResult allocateResults(mlir::Operation *op, mlir::Value like = {});
  /// Columns of an activation stay where they are. Reports any other slice.
  mlir::LogicalResult addColumns(mlir::tensor::ExtractSliceOp op);

private:
  mlir::FailureOr<RowCount> countRows(mlir::OpResult result, mlir::Value like);
  mlir::Value createBuffer(mlir::OpResult result, const RowCount &count);

  mlir::OpBuilder &builder;
  mlir::Value call;
  Places places;
};

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_BUFFERS_H
