// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a function does with its call: inputs, outputs, weights, memory, nests and errors. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_CALLLOWERING_H
#define FATHOM_PASSES_FUNCTIONS_CALLLOWERING_H

#include "passes/functions/CodeOfCall.h"

namespace fathom {

/// Rewrites a function into one that takes a fathom_function_call.
class CallLowering : CodeOfCall {
public:
  CallLowering(mlir::func::FuncOp function, const mlir::LLVMTypeConverter &converter)
      : CodeOfCall(function, converter) {}

  void run();

private:
  void takeInputs();
  void takeWeights();
  void lower(mlir::Operation *op);
  void allocate(mlir::memref::AllocOp op);
  void release(mlir::memref::DeallocOp op);
  void runNest(mlir::func::CallOp op);
  void giveOutputs(mlir::func::ReturnOp op);

  Value call;
  /// Where nests find what they use; one place serves all, since they run one after the other.
  Value captured;
  int64_t mostCaptured = 0;
};

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_CALLLOWERING_H
