// Plans print as they are read.
// RUN: fathom-opt %s --verify-roundtrip | FileCheck %s

// CHECK: module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 16, offset = 0>,
// CHECK-SAME: #plan.store<"index", layers = 2, width = 24, element = f8E4M3FN, tail = 8, offset = 8192>]} {
module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 16, offset = 0>,
                                  #plan.store<"index", layers = 2, width = 24, element = f8E4M3FN, tail = 8, offset = 8192>]} {
deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]

// CHECK: plan.kernel @k0 = "avx2_f32_gemm" operands 3 constants [8, 4] {
// CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[EXTRA:.*]]: f32):
// CHECK-NEXT: %[[R:.*]] = arith.addf %[[SUM]], %[[EXTRA]] : f32
// CHECK-NEXT: plan.yield %[[R]]
plan.kernel @k0 = "avx2_f32_gemm" operands 3 constants [8, 4] {
^bb0(%sum: f32, %extra: f32):
  %r = arith.addf %sum, %extra : f32
  plan.yield %r
}
// CHECK: plan.kernel @k1 = "x86_f32_swiglu" operands 1 constants []
plan.kernel @k1 = "x86_f32_swiglu" operands 1 constants []

// CHECK-LABEL: func.func @entry
// CHECK-SAME: (%[[CALL:.*]]: !plan.call, %[[LAYER:.*]]: index)
func.func @entry(%call: !plan.call, %layer: index) {
  // CHECK: %[[ROWS:.*]] = plan.rows rows of %[[CALL]]
  %rows = plan.rows rows of %call
  // CHECK: %[[LOGIT_ROWS:.*]] = plan.rows logit_rows of %[[CALL]]
  %logit_rows = plan.rows logit_rows of %call
  // CHECK: plan.argument "tokens" of %[[CALL]] : memref<?xi32>
  %tokens = plan.argument "tokens" of %call : memref<?xi32>
  // CHECK: %[[X:.*]] = plan.buffer of %[[CALL]] bytes 128 offset 64 sizes(%[[ROWS]]) : memref<?x8xf32>
  %x = plan.buffer of %call bytes 128 offset 64 sizes(%rows) : memref<?x8xf32>
  // CHECK: %[[Y:.*]] = plan.buffer of %[[CALL]] bytes 64 : memref<4xf32>
  %y = plan.buffer of %call bytes 64 : memref<4xf32>
  // CHECK: plan.buffer of %[[CALL]] bytes 512 sizes(%[[ROWS]], %[[LOGIT_ROWS]]) : memref<?x4x?xf32>
  %z = plan.buffer of %call bytes 512 sizes(%rows, %logit_rows) : memref<?x4x?xf32>
  // CHECK: %[[W:.*]] = plan.weight of %[[CALL]] @w[%[[LAYER]]] slices 2, 1 : memref<4x8xbf16>
  %w = plan.weight of %call @w[%layer] slices 2, 1 : memref<4x8xbf16>
  // CHECK: plan.dispatch @k0 of %[[CALL]] rows %[[ROWS]] layer %[[LAYER]] ins(%[[X]], %[[W]] : memref<?x8xf32>, memref<4x8xbf16>) outs(%[[Y]] : memref<4xf32>) extras(%[[X]] : memref<?x8xf32>)
  plan.dispatch @k0 of %call rows %rows layer %layer ins(%x, %w : memref<?x8xf32>, memref<4x8xbf16>)
      outs(%y : memref<4xf32>) extras(%x : memref<?x8xf32>)
  // CHECK: plan.dispatch @k1 of %[[CALL]] rows %[[LOGIT_ROWS]] layer %[[LAYER]] outs(%[[Y]] : memref<4xf32>) reads ["latent"] writes ["index"]
  plan.dispatch @k1 of %call rows %logit_rows layer %layer outs(%y : memref<4xf32>) reads ["latent"] writes ["index"]
  // CHECK: plan.record_state of %[[CALL]] %[[X]] layer 1 : memref<?x8xf32>
  plan.record_state of %call %x layer 1 : memref<?x8xf32>
  return
}

// CHECK-LABEL: func.func @generated
// CHECK-SAME: (%[[TASK:.*]]: !plan.task, %[[I:.*]]: index, %[[SCRATCH:.*]]: !plan.scratch)
func.func @generated(%task: !plan.task, %i: index, %scratch: !plan.scratch) {
  // CHECK: %[[TABLE:.*]] = plan.operand 0 of %[[TASK]] : !plan.table<memref<4x8xbf16>>
  %table = plan.operand 0 of %task : !plan.table<memref<4x8xbf16>>
  // CHECK: plan.operand 1 of %[[TASK]] at %[[I]] factor 2 : memref<2x8xf32>
  %of_item = plan.operand 1 of %task at %i factor 2 : memref<2x8xf32>
  // CHECK: plan.operand 1 of %[[TASK]] factor 2 : memref<?x8xf32>
  %of_all = plan.operand 1 of %task factor 2 : memref<?x8xf32>
  // CHECK: plan.layer of %[[TASK]]
  %layer = plan.layer of %task
  // CHECK: plan.expert %[[TABLE]][%[[I]]] : <memref<4x8xbf16>> -> memref<4x8xbf16>
  %e = plan.expert %table[%i] : <memref<4x8xbf16>> -> memref<4x8xbf16>
  // CHECK: plan.cache_row "latent" of %[[TASK]][%[[I]]] at %[[I]] layer %[[I]] : memref<16xf32>
  %c = plan.cache_row "latent" of %task[%i] at %i layer %i : memref<16xf32>
  // 16 codes, a scale, 8 of bf16.
  // CHECK: %[[ROW:.*]] = plan.cache_row "index" of %[[TASK]][%[[I]]] at %[[I]] layer %[[I]] : memref<36xi8>
  %r = plan.cache_row "index" of %task[%i] at %i layer %i : memref<36xi8>
  // CHECK: plan.read_number "index" %[[ROW]][%[[I]]] : memref<36xi8>
  %x = plan.read_number "index" %r[%i] : memref<36xi8>
  // CHECK: %[[N:.*]] = plan.temporary of %[[SCRATCH]] offset 64 : memref<24xf32>
  %n = plan.temporary of %scratch offset 64 : memref<24xf32>
  // CHECK: plan.write_row "index" %[[N]], %[[ROW]] : memref<24xf32>, memref<36xi8>
  plan.write_row "index" %n, %r : memref<24xf32>, memref<36xi8>
  return
}

// CHECK-LABEL: func.func @dispatches_generated
func.func @dispatches_generated(%call: !plan.call, %n: index, %experts: !plan.table<memref<4x8xbf16>>, %x: memref<?x8xf32>) {
  // CHECK: plan.dispatch @generated of
  plan.dispatch @generated of %call rows %n layer %n ins(%experts : !plan.table<memref<4x8xbf16>>)
      outs(%x : memref<?x8xf32>)
  return
}
}
