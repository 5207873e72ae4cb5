// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What functions of entry points look like before they are planned.

#ifndef FATHOM_PASSES_SUPPORT_ENTRYPOINTS_H
#define FATHOM_PASSES_SUPPORT_ENTRYPOINTS_H

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fathom {

/// What an argument of a checked function is: its `deepseek.input`; empty where a function has none.
llvm::StringRef getInputName(mlir::BlockArgument argument);
/// The argument that is the input `name`; null: there is none.
mlir::BlockArgument getInput(mlir::func::FuncOp function, llvm::StringRef name);
/// What a result of a function is: its `deepseek.output`; empty where it has none, as the cache.
llvm::StringRef getOutputName(mlir::func::FuncOp function, unsigned result);
/// The place among results of the output `name`; none: the function does not give it.
std::optional<unsigned> getOutput(mlir::func::FuncOp function, llvm::StringRef name);
/// The cache that a checked function takes.
deepseek::CacheType getCacheType(mlir::func::FuncOp function);

/// What positions of a function's rows are below: its `deepseek.max_positions`, or else the model's `max_context`;
/// nothing where neither is said.
std::optional<int64_t> getMaxPositions(mlir::func::FuncOp function);

/// The most rows of a call of a function: its `deepseek.max_rows`, or the most of the entry points that call it;
/// nothing where neither is said.
std::optional<int64_t> getMaxRows(mlir::func::FuncOp function);

/// Checks a function with `deepseek.form`, and reports at it. It has one block, and its arguments are different inputs,
/// one of them the cache. With `deepseek.max_rows` it is an entry point: it has no input of a layer, and gives
/// different outputs, as `deepseek.output` names them, and the cache. Without it is a layer: it takes an activation and
/// the layer's number too, and gives an activation of the same type and the cache. Arrays of a call are passed on to
/// layers as they are, which take rows at all positions that their callers do. All functions take caches of one type.
mlir::LogicalResult verifyEntryFunction(mlir::func::FuncOp function);

/// Checks the entry points of a module together, and reports at one. A draft is one that takes hidden states: where
/// there is one, all give them; it is of the absorbed form; and there is at most one with logits, and one without.
mlir::LogicalResult verifyDraft(mlir::ModuleOp module);

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_ENTRYPOINTS_H
