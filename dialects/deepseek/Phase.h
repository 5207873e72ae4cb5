// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which phase a module has gone through.

#ifndef FATHOM_DIALECTS_DEEPSEEK_PHASE_H
#define FATHOM_DIALECTS_DEEPSEEK_PHASE_H

#include "mlir/IR/BuiltinOps.h"

namespace fathom::deepseek {

/// On the module: the last phase that is done, or "deepseek" where none is.
constexpr llvm::StringLiteral kPhaseAttr = "deepseek.phase";

inline void markPhase(mlir::ModuleOp module, llvm::StringRef phase) {
  module->setAttr(kPhaseAttr, mlir::StringAttr::get(module.getContext(), phase));
}

} // namespace fathom::deepseek

#endif // FATHOM_DIALECTS_DEEPSEEK_PHASE_H
