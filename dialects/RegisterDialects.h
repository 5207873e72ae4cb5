// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The dialects that a Fathom program may be written in.

#ifndef FATHOM_DIALECTS_REGISTERDIALECTS_H
#define FATHOM_DIALECTS_REGISTERDIALECTS_H

#include "mlir/IR/DialectRegistry.h"

namespace fathom {

/// Registers Fathom's dialects and the upstream ones with their interface implementations
/// (bufferisation, conversion to LLVM, inlining).
void registerDialects(mlir::DialectRegistry &registry);

} // namespace fathom

#endif // FATHOM_DIALECTS_REGISTERDIALECTS_H
