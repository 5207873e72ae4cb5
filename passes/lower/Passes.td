// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes of the lower phase: from plans and structured ops to the LLVM dialect.

#ifndef PASSES_LOWER_PASSES_TD
#define PASSES_LOWER_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertPlanToLLVM : Pass<"fathom-convert-plan-to-llvm", "mlir::ModuleOp"> {
  let summary = "turn plans into the LLVM dialect";
  let description = [{
    Entry points become functions of one pointer (fathom_call_t, runtime/include/fathom/artifact_abi.h). A dispatch
    fills a fathom_dispatch_t on the stack and hands it, with the kernel's task, to the host's `parallel`; the task
    `@<kernel>.task` and `@<kernel>.items` are declared here and defined when codegen links the kernel's bitcode.
    Epilogues become functions `@<kernel>.epilogue` that the kernel calls on runs of outputs.
    Everything else of func, memref, scf, cf, arith and math is converted as MLIR does; weights and recipes stay, for
    codegen to read.

    Numeric contract: exact. Test: test/passes/lower/convert-plan-to-llvm.mlir.
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect", "mlir::scf::SCFDialect", "mlir::cf::ControlFlowDialect"];
}

#endif // PASSES_LOWER_PASSES_TD
