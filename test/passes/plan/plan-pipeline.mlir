// A small model reaches the plan level whole, with kernels and without, and from there the LLVM dialect.
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --fathom-fuse-pipeline --fathom-plan-pipeline | FileCheck %s
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --fathom-fuse-pipeline --fathom-plan-pipeline --fathom-lower-pipeline | FileCheck %s --check-prefix=LLVM
// RUN: fathom-opt %S/../Inputs/tiny-gqa.mlir --fathom-model-pipeline --fathom-fuse-pipeline --fathom-plan-pipeline --fathom-lower-pipeline | FileCheck %s --check-prefix=LLVM
// RUN: fathom-opt %S/../Inputs/tiny-gqa.mlir --fathom-model-pipeline --fathom-fuse-pipeline=kernels=false --fathom-plan-pipeline --fathom-lower-pipeline | FileCheck %s --check-prefix=LLVM

// CHECK-LABEL: func.func @prefill(%{{.*}}: !plan.call) -> i32
// CHECK-SAME: deepseek.form = "expanded", plan.arena_bytes = {{[1-9][0-9]*}} : i64, plan.max_rows = 256 : i64
// CHECK: plan.argument "logits"
// CHECK-LABEL: func.func @prefill_headless(%{{.*}}: !plan.call) -> i32
// CHECK-SAME: deepseek.form = "expanded", plan.arena_bytes = {{[1-9][0-9]*}} : i64, plan.max_rows = 256 : i64
// CHECK-NOT: plan.argument "logits"
// CHECK-NOT: @lm_head
// CHECK-LABEL: func.func @decode(%{{.*}}: !plan.call) -> i32
// CHECK-SAME: deepseek.form = "absorbed", plan.arena_bytes = {{[1-9][0-9]*}} : i64, plan.max_rows = 16 : i64

// LLVM: llvm.func @prefill(
// LLVM: llvm.func @decode(
