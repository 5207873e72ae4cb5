// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Umbrella header of the `deepseek` dialect.

#ifndef FATHOM_DIALECTS_DEEPSEEK_DEEPSEEK_H
#define FATHOM_DIALECTS_DEEPSEEK_DEEPSEEK_H

#include "dialects/deepseek/Real.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace fathom::deepseek {

/// Stores that attention reads: of MLA, of what makes it sparse, and of grouped-query attention.
constexpr llvm::StringLiteral kLatentStore = "latent";
constexpr llvm::StringLiteral kIndexStore = "index";
constexpr llvm::StringLiteral kKeyStore = "key";
constexpr llvm::StringLiteral kValueStore = "value";

/// [rows, width] of any number of rows and a static width: what ODS says of activations and choices.
bool isRows(mlir::Type tensor);
/// What numbers of activations are: f32 or bf16.
bool isActivationElement(mlir::Type type);
/// Such numbers [rows, width] where the number of rows is not known.
bool isActivation(mlir::Type type);
/// A static shape of 1 to 2^40 elements: what ODS says of weights.
bool isStored(mlir::Type tensor);
/// Whether numbers are floats or integers of 2, 4 or 8 bits.
bool isPackedElement(mlir::Type type);
/// What each pattern of their bits stands for.
llvm::SmallVector<float> listValues(mlir::Type packed);
/// Whether files may have such numbers of a weight: those, and bf16, f16 and f32.
bool isStoredElement(mlir::Type type);
/// Whether a tensor lies row by row, or in a layout of `#deepseek.layout`.
bool hasKnownLayout(mlir::Type tensor);
bool isRowByRow(mlir::Type tensor);

/// The width of a [rows, width] type.
inline int64_t getWidth(mlir::Type type) { return mlir::cast<mlir::RankedTensorType>(type).getShape().back(); }

} // namespace fathom::deepseek

#include "dialects/deepseek/DeepSeekDialect.h.inc"

#include "dialects/deepseek/DeepSeekEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/deepseek/DeepSeekAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/deepseek/DeepSeekTypes.h.inc"

// Not sorted to the top: it uses the attributes.
#include "dialects/deepseek/ComputeOp.h"

#include "dialects/deepseek/ComputeOp.h.inc"

#include "dialects/deepseek/WeightSymbol.h.inc"

#define GET_OP_CLASSES
#include "dialects/deepseek/DeepSeekOps.h.inc"

namespace fathom::deepseek {

/// Inputs that share one scale where kernels read scales: FATHOM_SCALE_BLOCK of FP8, FATHOM_SCALE_GROUP of integers.
constexpr int64_t kScaleBlock = 128;
constexpr int64_t kScaleGroup = 32;

/// Whether numbers of a weight mean nothing without scales.
bool isQuantizedElement(mlir::Type element);
/// Whether products with a weight of `element` in such blocks, if any, can read rows of i8.
bool canMultiplyIntegers(mlir::Type element, BlockScaleAttr block);

/// Module attributes: facts about the model (all there, see the dialect's description) and the checkpoint's files.
constexpr llvm::StringLiteral kModelAttr = "deepseek.model";
constexpr llvm::StringLiteral kShardsAttr = "deepseek.shards";
/// On the module, from the fuse phase on: the machine to compile for, a #deepseek.target.
constexpr llvm::StringLiteral kTargetAttr = "deepseek.target";
/// On an entry point: the most rows it takes.
constexpr llvm::StringLiteral kMaxRowsAttr = "deepseek.max_rows";
/// On an entry point and on its layers: the positions of rows are below it. Without, they are below max_context.
constexpr llvm::StringLiteral kMaxPositionsAttr = "deepseek.max_positions";
/// On an entry point and on its layers: how they attend, "expanded" (rows are consecutive tokens of one sequence) or
/// "absorbed" (a row is a token of any sequence, at any position). Passes read it, and never a name.
constexpr llvm::StringLiteral kFormAttr = "deepseek.form";
constexpr llvm::StringLiteral kExpandedForm = "expanded";
constexpr llvm::StringLiteral kAbsorbedForm = "absorbed";
/// On an argument of a function: what it is, one of fathom/call_inputs.def, or of the three at the end.
constexpr llvm::StringLiteral kInputAttr = "deepseek.input";
constexpr llvm::StringLiteral kTokensInput = "tokens";
constexpr llvm::StringLiteral kPositionsInput = "positions";
constexpr llvm::StringLiteral kHiddenInput = "hidden";
constexpr llvm::StringLiteral kLogitRowsInput = "logit_row_ids";
constexpr llvm::StringLiteral kCacheInput = "cache";
constexpr llvm::StringLiteral kActivationInput = "activation";
constexpr llvm::StringLiteral kLayerInput = "layer";
/// On a result of an entry point: what it is, an output of fathom/call_inputs.def. The cache has none.
constexpr llvm::StringLiteral kOutputAttr = "deepseek.output";
constexpr llvm::StringLiteral kLogitsOutput = "logits";
constexpr llvm::StringLiteral kHiddenOutput = "hidden_out";
constexpr llvm::StringLiteral kArgmaxOutput = "argmax";
/// On an op: the kernel of the catalog that runs it.
constexpr llvm::StringLiteral kKernelAttr = "deepseek.kernel";

/// The layers that a model with these facts has rows of in its stores: its own, and those that draft. None: the module
/// has no facts.
std::optional<int64_t> countStoredLayers(mlir::Operation *module);
/// The fact that is the width of rows which a call is given or gives.
llvm::StringRef getWidthFact(llvm::StringRef callArray);

/// How a weight lies in memory; null: row by row.
LayoutAttr getLayout(mlir::Type weight);
/// The shape that it has there.
llvm::SmallVector<int64_t> getStoredShape(mlir::RankedTensorType weight);
/// The same type in another layout.
mlir::RankedTensorType withLayout(mlir::RankedTensorType weight, LayoutAttr layout);

/// Rows of a weight [(E,) N, K], N; those of a vector are its numbers.
int64_t countRows(mlir::RankedTensorType type);
/// The same type with as many rows.
mlir::RankedTensorType withRows(mlir::RankedTensorType type, int64_t rows);

/// Columns [offset, offset + width) of the first `rows` rows of an activation.
mlir::Value sliceColumns(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value input, mlir::OpFoldResult rows,
                         int64_t offset, int64_t width);

} // namespace fathom::deepseek

#endif // FATHOM_DIALECTS_DEEPSEEK_DEEPSEEK_H
