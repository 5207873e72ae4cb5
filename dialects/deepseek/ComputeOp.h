// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops say of themselves through the interface ComputeOp, as plain data.

#ifndef FATHOM_DIALECTS_DEEPSEEK_COMPUTEOP_H
#define FATHOM_DIALECTS_DEEPSEEK_COMPUTEOP_H

#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/ValueRange.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/bit.h"

namespace fathom::deepseek {

/// Activations of an op have one element type, but for those that stay f32, where it does not convert them.
mlir::LogicalResult verifyActivations(mlir::Operation *op);

/// A weight [(E,) N, K]; scale and block are null unless it is quantized. `gateAndUp`: its rows are those of two
/// matrices, which kernels read in turns.
struct ScaledWeight {
  mlir::Value weight;
  mlir::Value scale;
  BlockScaleAttr block;
  bool gateAndUp = false;
};

/// The type of scales of a weight: f32, or f16 of integers, one for each block, at edges of ragged ones, too, in the
/// weight's layout.
mlir::RankedTensorType getScaleType(mlir::RankedTensorType weight, BlockScaleAttr block);

/// The layout that is none, by the catalog's name.
constexpr llvm::StringLiteral kRowsLayout = "rows";

/// Which kernels of the catalog an op can use.
struct KernelUse {
  /// Empty: none.
  llvm::StringRef op;
  llvm::StringRef weightType = "f32";
  /// The layout that the op's weight has now.
  llvm::StringRef layout = "none";
  /// What one scale covers; null unless the weight is quantized.
  BlockScaleAttr block = {};
  /// The type of what is multiplied with the weight.
  llvm::StringRef activationType = "f32";
};

/// The catalog's name for the type of a weight's or an activation's numbers; empty where it has none.
llvm::StringRef getStoredTypeName(mlir::Value weight);
/// And for its layout.
llvm::StringRef getLayoutName(mlir::Value weight);

/// What a kernel is given. Its operands are the inputs, the op's tensors among the results, and the epilogue's extras.
struct KernelDescription {
  llvm::SmallVector<mlir::Value> inputs;
  llvm::StringMap<int64_t> constants;
  /// The one input that may be columns of wider rows, and the prefix of the constants `<prefix>_stride` and
  /// `<prefix>_offset` that tell which.
  mlir::Value columns;
  llvm::StringRef columnsPrefix;
  /// Constants that say where a page of the cache holds a store, and the store's name.
  llvm::SmallVector<std::pair<llvm::StringRef, llvm::StringRef>> stores;

  /// Optional operands may be null.
  void addInputs(mlir::ValueRange values) {
    llvm::copy_if(values, std::back_inserter(inputs), [](mlir::Value value) { return bool(value); });
  }
  void addColumns(llvm::StringRef prefix, mlir::Value input) {
    inputs.push_back(input);
    columns = input;
    columnsPrefix = prefix;
  }
  void addStore(llvm::StringRef constant, llvm::StringRef store) { stores.emplace_back(constant, store); }
  void addConstant(llvm::StringRef name, int64_t value) { constants[name] = value; }
  /// FATHOM_ROW_* of an activation's numbers.
  void addElement(llvm::StringRef constant, mlir::Value activation);
  /// A constant that the kernel takes as the bits of a double.
  void addReal(llvm::StringRef name, const llvm::APFloat &value) {
    constants[name] = llvm::bit_cast<int64_t>(value.convertToDouble());
  }
};

/// `factor` rows for each row of `operand`; no operand: a static shape.
struct RowRule {
  mlir::Value operand;
  int64_t factor = 1;
};

/// The rows of `operand` where the number of `result`'s rows is unknown.
RowRule getRowsLike(mlir::Value operand, mlir::Value result);

/// Outputs of a product that an item of generated loops computes for all rows, so that a call reads a weight once.
constexpr int64_t kOutputsPerItem = 32;

/// The items of a product with so many outputs.
inline int64_t countItems(int64_t outputs) { return (outputs + kOutputsPerItem - 1) / kOutputsPerItem; }

/// A region that is applied to each number of the result, and the operands that it reads beside it.
struct EpilogueSlot {
  mlir::Region *region;
  mlir::MutableOperandRange extras;
};

} // namespace fathom::deepseek

#endif // FATHOM_DIALECTS_DEEPSEEK_COMPUTEOP_H
