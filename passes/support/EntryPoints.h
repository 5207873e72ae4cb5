// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What functions of entry points look like before they are planned.

#ifndef PASSES_SUPPORT_ENTRYPOINTS_H
#define PASSES_SUPPORT_ENTRYPOINTS_H

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fathom {

/// The cache that a checked function of an entry point takes.
deepseek::CacheType getCacheType(mlir::func::FuncOp function);

/// Checks a function with `deepseek.entry`, and reports at it. It has one block. With `deepseek.max_rows` it is the
/// entry point and has the name in `deepseek.entry`: (tokens, positions, logit rows, cache) -> (logits, cache), or one
/// without the head of any name, (tokens, positions, cache) -> cache. Without it is a layer, (activation, positions,
/// cache, layer) -> (activation, cache), and its entry point is in the module. All take caches of one type.
mlir::LogicalResult verifyEntryFunction(mlir::func::FuncOp function);

} // namespace fathom

#endif // PASSES_SUPPORT_ENTRYPOINTS_H
