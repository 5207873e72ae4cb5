// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a nest takes and gives. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_NESTLOWERING_H
#define FATHOM_PASSES_FUNCTIONS_NESTLOWERING_H

#include "passes/functions/CodeOfCall.h"

namespace fathom {

/// Rewrites a nest into a fathom_nest_fn, which finds in memory what it captures, and writes behind that what it gives.
class NestLowering : CodeOfCall {
public:
  NestLowering(mlir::func::FuncOp function, const mlir::LLVMTypeConverter &converter)
      : CodeOfCall(function, converter) {}

  void run();

private:
  void takeCaptured();
  void giveResults(mlir::func::ReturnOp op);

  Value captured;
  int64_t next = 0;
};

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_NESTLOWERING_H
