// @forward and what it calls exist once for prefill and once for decode.
// RUN: fathom-opt %s --fathom-create-entry-points="prefill-rows=7 decode-rows=3" | FileCheck %s
// RUN: fathom-opt %s --fathom-create-entry-points="prefill-rows=7 decode-rows=3" --fathom-create-entry-points="prefill-rows=7 decode-rows=3" | FileCheck %s
// RUN: fathom-opt %s --fathom-create-entry-points --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @norm : tensor<8xbf16> layers [0, 1] from "norm" at [0, 0, 0, 16]
deepseek.weight @table : tensor<16x8xbf16> from "table" at [0, 32]

// CHECK-NOT: @forward
// CHECK-NOT: func.func private @layer
// CHECK-LABEL: func.func private @prefill.layer
// CHECK-SAME: attributes {deepseek.form = "expanded"}
func.func private @layer(%x: tensor<?x8xf32>, %layer: index) -> tensor<?x8xf32> {
  %w = deepseek.get_weight @norm[%layer] : tensor<8xbf16>
  %n = deepseek.rms_norm %x, %w eps 1.0e-06 : tensor<?x8xf32>, tensor<8xbf16>
  return %n : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @prefill(
// CHECK-SAME: attributes {deepseek.form = "expanded", deepseek.max_rows = 7 : i64}
// CHECK: call @prefill.layer
// CHECK-LABEL: func.func private @decode.layer
// CHECK-SAME: attributes {deepseek.form = "absorbed"}
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: attributes {deepseek.form = "absorbed", deepseek.max_rows = 3 : i64}
// CHECK: call @decode.layer
func.func @forward(%tokens: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  %t = deepseek.get_weight @table : tensor<16x8xbf16>
  %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<16x8xbf16>) -> tensor<?x8xf32>
  %y = call @layer(%x, %layer) : (tensor<?x8xf32>, index) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
