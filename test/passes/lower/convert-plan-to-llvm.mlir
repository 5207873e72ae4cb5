// Generated functions become tasks, and epilogues functions that kernels call; functions of the plan are commands.
// RUN: fathom-opt %s --fathom-convert-plan-to-llvm | FileCheck %s
// RUN: fathom-opt %s --fathom-convert-plan-to-llvm --fathom-convert-plan-to-llvm | FileCheck %s

// Weights and kernels stay, for codegen to read.
// CHECK: deepseek.weight @w
deepseek.weight @w : tensor<8x8xbf16> from "w" at [0, 0] {plan.first_slice = 0 : i64}

// CHECK-NOT: @decode
func.func @decode(%call: !plan.call)
    attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 192 : i64} {
  %n = plan.rows rows of %call
  %x = plan.argument "logits" of %call : memref<?x8xf32>
  %b = plan.buffer of %call bytes 128 offset 64 sizes(%n) : memref<?x8xf32>
  %w = plan.weight of %call @w slices 0, 1 : memref<8x8xbf16>
  %l = arith.constant 1 : index
  plan.dispatch @k0 of %call rows %n layer %l ins(%x, %w : memref<?x8xf32>, memref<8x8xbf16>)
      outs(%b : memref<?x8xf32>) extras(%x : memref<?x8xf32>)
  return
}

// CHECK: plan.kernel @k0 = "avx2_bf16_gemm_rows"
plan.kernel @k0 = "avx2_bf16_gemm_rows" operands 3 constants [8, 8, 8, 0, 8, 0, 0, 0, 1] {
^bb0(%s: f32, %e: f32):
  %0 = arith.mulf %s, %e : f32
  plan.yield %0
}

// CHECK: llvm.func @k0.epilogue(
// CHECK: llvm.fmul

// A kernel that nothing dispatches goes.
// CHECK-NOT: @unused
plan.kernel @unused = "avx2_bf16_gemm_rows" operands 3 constants [8, 8, 8, 0, 8, 0, 0, 0, 1] {
^bb0(%s: f32, %e: f32):
  %0 = arith.mulf %s, %e : f32
  plan.yield %0
}

// An epilogue reads a vector at the output's column alone, and converts what it reads.
// CHECK: llvm.func @biased.epilogue(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %[[COLUMN:.*]]: i64, %{{.*}}: i64, %{{.*}}: !llvm.ptr)
// CHECK: llvm.load
// CHECK: %[[BIAS:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK-NOT: llvm.mul
// CHECK: %[[FIRST:.*]] = llvm.getelementptr %[[BIAS]][%[[COLUMN]]] : (!llvm.ptr, i64) -> !llvm.ptr, bf16
// CHECK: %[[ADDRESS:.*]] = llvm.getelementptr %[[FIRST]][%{{.*}}] : (!llvm.ptr, i64) -> !llvm.ptr, bf16
// CHECK: %[[STORED:.*]] = llvm.load %[[ADDRESS]] : !llvm.ptr -> bf16
// CHECK: llvm.fpext %[[STORED]] : bf16 to f32
plan.kernel @biased = "avx2_bf16_gemm_rows" operands 3 constants [8, 8, 8, 0, 8, 0, 0, 0, 1] {
^bb0(%s: f32, %e: f32):
  %0 = arith.addf %s, %e : f32
  plan.yield %0
}
func.func @dispatches(%call: !plan.call, %n: index, %x: memref<?x8xf32>, %w: memref<8x8xbf16>, %b: memref<8xbf16>) {
  plan.dispatch @biased of %call rows %n layer %n ins(%x, %w : memref<?x8xf32>, memref<8x8xbf16>)
      outs(%x : memref<?x8xf32>) extras(%b : memref<8xbf16>)
  return
}
