// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The option --verify-numerics-each.

#ifndef FATHOM_TOOLS_FATHOM_OPT_VERIFYEACH_H
#define FATHOM_TOOLS_FATHOM_OPT_VERIFYEACH_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Support/LLVM.h"

namespace fathom {

/// Whether the option was given.
bool shouldVerifyNumerics();

/// MlirOptMain with the instrumentation, for which it has no option. Writes `output` only if every pass kept its
/// contract.
mlir::LogicalResult runVerified(llvm::StringRef input, llvm::StringRef output, mlir::DialectRegistry &registry);

} // namespace fathom

#endif // FATHOM_TOOLS_FATHOM_OPT_VERIFYEACH_H
