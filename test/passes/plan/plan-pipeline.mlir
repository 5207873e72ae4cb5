// A small model reaches the plan level whole, with kernels and without, and from there the LLVM dialect.
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --fathom-fuse-pipeline --fathom-plan-pipeline | FileCheck %s
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --fathom-fuse-pipeline --fathom-plan-pipeline --fathom-lower-pipeline | FileCheck %s --check-prefix=LLVM
// RUN: fathom-opt %S/../Inputs/tiny-gqa.mlir --fathom-model-pipeline --fathom-fuse-pipeline --fathom-plan-pipeline --fathom-lower-pipeline | FileCheck %s --check-prefix=LLVM
// RUN: fathom-opt %S/../Inputs/tiny-gqa.mlir --fathom-model-pipeline --fathom-fuse-pipeline=kernels=false --fathom-plan-pipeline --fathom-lower-pipeline | FileCheck %s --check-prefix=LLVM
// RUN: fathom-opt %S/../Inputs/tiny-draft.mlir --fathom-model-pipeline --fathom-fuse-pipeline --fathom-plan-pipeline | FileCheck %s --check-prefix=DRAFT
// RUN: fathom-opt %S/../Inputs/tiny-draft.mlir --fathom-model-pipeline --fathom-fuse-pipeline --fathom-plan-pipeline --fathom-lower-pipeline | FileCheck %s --check-prefix=LLVM
// RUN: fathom-opt %S/../Inputs/tiny-draft.mlir --fathom-model-pipeline --fathom-fuse-pipeline=kernels=false --fathom-plan-pipeline --fathom-lower-pipeline | FileCheck %s --check-prefix=LLVM
// RUN: fathom-opt %S/../Inputs/tiny-sparse.mlir --fathom-model-pipeline --fathom-fuse-pipeline --fathom-plan-pipeline | FileCheck %s --check-prefix=SPARSE
// RUN: fathom-opt %S/../Inputs/tiny-sparse.mlir --fathom-model-pipeline --fathom-fuse-pipeline=kernels=false --fathom-plan-pipeline --fathom-lower-pipeline | FileCheck %s --check-prefix=LLVM

// What is for the first positions alone says so, and the entry point that takes over does not.
// SPARSE: plan.stores = [#plan.store<"latent", layers = 2, width = 16, offset = 0>, #plan.store<"index", layers = 2, width = 8, offset = 8192>]
// SPARSE-LABEL: func.func @prefill(%{{.*}}: !plan.call)
// SPARSE-SAME: plan.max_positions = 4 : i64, plan.max_rows = 256 : i64
// SPARSE-LABEL: func.func @prefill_headless(%{{.*}}: !plan.call)
// SPARSE-SAME: plan.max_positions = 4 : i64, plan.max_rows = 256 : i64
// SPARSE-LABEL: func.func @prefill_sparse(%{{.*}}: !plan.call)
// SPARSE-NOT: plan.max_positions
// SPARSE: plan.max_rows = 256 : i64

// CHECK-LABEL: func.func @prefill(%{{.*}}: !plan.call)
// CHECK-SAME: deepseek.form = "expanded", plan.arena_bytes = {{[1-9][0-9]*}} : i64, plan.max_rows = 512 : i64
// CHECK: plan.argument "logits"
// CHECK-LABEL: func.func @prefill_headless(%{{.*}}: !plan.call)
// CHECK-SAME: deepseek.form = "expanded", plan.arena_bytes = {{[1-9][0-9]*}} : i64, plan.max_rows = 512 : i64
// CHECK-NOT: plan.argument "logits"
// CHECK-NOT: @lm_head
// CHECK-LABEL: func.func @decode(%{{.*}}: !plan.call)
// CHECK-SAME: deepseek.form = "absorbed", plan.arena_bytes = {{[1-9][0-9]*}} : i64, plan.max_rows = 16 : i64

// Of a plan only kernels are left there: its functions are commands.
// LLVM-NOT: !plan
// DRAFT: func.func @draft(
