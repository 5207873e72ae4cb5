// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes of the plan phase: from tensors to buffers and dispatches.

#ifndef FATHOM_PASSES_PLAN_PASSES_TD
#define FATHOM_PASSES_PLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertDeepSeekToPlan : Pass<"fathom-convert-deepseek-to-plan", "mlir::ModuleOp"> {
  let summary = "turn ops on tensors into dispatches on buffers";
  let description = [{
    Every function of an entry point is rewritten with memrefs; others are left alone. An op with a kernel becomes a
    `plan.dispatch`; an op without one becomes a dispatch of a function `@generated_<n>` around it, one for all ops that
    are alike, which the lower phase turns into loops. An item of that is a row, whose memory alone it has, or, as the
    op says (`getItemCount`), some outputs of all rows. Each result gets a `plan.buffer`; column slices become strides
    where a kernel takes them and subviews in generated functions. Weights that are used get their places in the weight
    table, in the order of the module. What cannot be planned is reported: other signatures, values without memory, rows
    that are not counted.

    Numeric contract: exact. Test: test/passes/plan/convert-deepseek-to-plan.mlir.
  }];
  let dependentDialects = ["fathom::plan::PlanDialect", "mlir::func::FuncDialect", "mlir::memref::MemRefDialect",
                           "mlir::bufferization::BufferizationDialect"];
}

def OrderCommands : Pass<"fathom-order-commands", "mlir::ModuleOp"> {
  let summary = "put commands that do not wait for each other side by side";
  let description = [{
    Threads take the commands of a function in their order, and one that has to wait does not look for others further
    on. So commands come in the order of how many others run before them, one after the other, and those of the same
    number stay in their order: a routed layer's gates, of few items, stand among the products of its shared experts.
    What waits for what is as it was.

    Numeric contract: exact. Test: test/passes/plan/order-commands.mlir.
  }];
}

def PlanBuffers : Pass<"fathom-plan-buffers", "mlir::ModuleOp"> {
  let summary = "give every buffer its offset in one static arena";
  let description = [{
    Buffers of one function share memory where all that uses one waits for all that uses the other, because of what it
    reads and writes and not because of the order of dispatches: those that need nothing of each other may run at the
    same time. First fit by size, largest first, aligned to 64 bytes. A function's buffers come after those of all its
    callers. Sets `plan.arena_bytes` on entry points.

    Numeric contract: exact. Tests: test/passes/plan/plan-buffers.mlir, plan-buffers-chains.mlir.
  }];
  let dependentDialects = ["fathom::plan::PlanDialect"];
}

def VerifyPlanOutput : Pass<"fathom-verify-plan-output", "mlir::ModuleOp"> {
  let summary = "check what the plan phase promises";
  let description = [{
    After the plan phase: every buffer has an offset; ops of the `deepseek` dialect stand only in generated functions,
    those without a form, besides weights and recipes; functions have bodies and do not call themselves; kernels are of
    the catalog, with its counts of operands and constants; the weight table has no gaps; there is an entry point, and
    each has its signature and attributes; the module has the model's facts, and the widths of logits, states and rows
    of the cache are those that they say. Kernels and functions are given memory of the types, shapes and numbers of
    rows that they read and write, within the arena; items of generated functions write rows of their own, or what their
    op says. The target has the instructions of every kernel.

    Numeric contract: exact, marks the module `deepseek.phase = "plan"`.
    Tests: test/passes/plan/verify-plan-output-errors.mlir, test/passes/plan/verify-plan-output-generated-errors.mlir.
  }];
}

#endif // FATHOM_PASSES_PLAN_PASSES_TD
