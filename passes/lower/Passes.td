// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes of the lower phase: from plans and structured ops to the LLVM dialect.

#ifndef FATHOM_PASSES_LOWER_PASSES_TD
#define FATHOM_PASSES_LOWER_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertDeepSeekToStructured : Pass<"fathom-convert-deepseek-to-structured", "mlir::ModuleOp"> {
  let summary = "decompose what has no kernel into structured ops";
  let description = [{
    Each compute op of the `deepseek` dialect becomes linalg, tensor, scf, arith and math: the op's executable meaning,
    in f32. The functions that fathom-convert-deepseek-to-plan made for single ops take a `!plan.task`, by which cache
    rows are reached, and no op of the dialect is left in such a function. In others, ops on a cache stay, and so do
    `get_weight` and `record_state`.

    Products add up their inputs in ascending order with fused multiply-adds, eight outputs side by side: where a weight is
    memory, in the lanes of vectors. In a function of `plan.items` they compute the outputs that are the item's.
    `mla_attention` takes the absorbed form: its rows may be of different sequences. `math.exp` is for
    fathom-convert-structured-to-loops to expand.

    Numeric contract: kernels/ref within 1e-5 of the largest output.
    Tests: test/passes/lower/convert-deepseek-to-structured.mlir; test/passes/lower/structured_values_test.cpp and
    test/passes/lower/structured_attention_test.cpp, which run what the lower phase makes of each op.
  }];
  let dependentDialects = ["mlir::linalg::LinalgDialect", "mlir::math::MathDialect", "mlir::memref::MemRefDialect",
                           "fathom::plan::PlanDialect", "mlir::scf::SCFDialect", "mlir::tensor::TensorDialect",
                           "mlir::vector::VectorDialect"];
}

def ConvertStructuredToLoops : Pass<"fathom-convert-structured-to-loops", "mlir::ModuleOp"> {
  let summary = "bufferise structured functions and turn them into loops";
  let description = [{
    Functions that hold tensors, whose arguments and results are memory already, are bufferised; linalg becomes loops;
    `exp` becomes a polynomial, since generated code calls no library. Temporaries live on the stack up to 1 KiB, and
    beyond in the scratch memory of the function's task, as `plan.temporary`s: first fit by size, one place for those that
    are not alive together. The module's `plan.scratch_bytes` grows to what they need. In other functions views of memory
    become arithmetic, and nothing else changes.

    Numeric contract: exact but for exp, 2e-7 relative.
    Tests: test/passes/lower/convert-structured-to-loops.mlir,
    test/passes/lower/convert-structured-to-loops-errors.mlir, test/passes/lower/structured_values_test.cpp.
  }];
}

def ConvertPlanToLLVM : Pass<"fathom-convert-plan-to-llvm", "mlir::ModuleOp"> {
  let summary = "turn generated functions into the LLVM dialect";
  let description = [{
    Generated functions become tasks, `@<name>.task` (a fathom_task_fn of runtime/include/fathom/kernel_abi.h), beside
    `@<name>.items`, which counts their items: as many as they say, or one for each row. Epilogues become functions
    `@<kernel>.epilogue` that a kernel calls on runs of outputs. Functions of the plan go: codegen/commands has made
    commands of them. So does a kernel that nothing dispatches; others stay, with weights and recipes, for codegen to
    read. Everything else of func, memref, scf, cf, arith and math is converted as MLIR does.

    Numeric contract: exact. Tests: test/passes/lower/convert-plan-to-llvm.mlir,
    test/passes/lower/convert-plan-to-llvm-generated.mlir.
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect", "mlir::scf::SCFDialect", "mlir::cf::ControlFlowDialect"];
}

#endif // FATHOM_PASSES_LOWER_PASSES_TD
