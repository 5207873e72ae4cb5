// Weights of products become integers of 8 bits with a scale for 32 of a row; what chooses experts stays.
// RUN: fathom-opt %s --fathom-assign-weight-types=type=q8 | FileCheck %s
// RUN: fathom-opt %s --fathom-assign-weight-types=type=q8 --fathom-assign-weight-types=type=keep | FileCheck %s
// RUN: fathom-opt %s --fathom-assign-weight-types | FileCheck %s --check-prefix=KEEP
// RUN: fathom-opt %s --fathom-assign-weight-types=type=q8 --verify-numerics-each -o /dev/null 2>&1 | count 0
// RUN: not fathom-opt %s --fathom-assign-weight-types=type=q3 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// KEEP-NOT: deepseek.recipe
// UNKNOWN: error: cannot give weights types: expected one of keep|bf16|f8|q8, but got 'q3'

deepseek.weight @w : tensor<40x72xbf16> layers [1, 2] from "w" at [0, 0, 0, 0]
deepseek.weight @f8 : tensor<40x72xf8E4M3FN> from "f8" at [0, 0]
deepseek.weight @f8_scale : tensor<2x1xf32> scale from "f8_scale" at [0, 0]
deepseek.weight @router : tensor<4x72xbf16> from "router" at [0, 0]

// CHECK: deepseek.recipe @w.q8 : tensor<40x72xi8> layers [1, 2] {
// CHECK-NEXT: %[[W:.*]] = deepseek.source @w : tensor<40x72xbf16>
// CHECK-NEXT: %[[Q:.*]] = deepseek.quantize %[[W]] group 32 : tensor<40x72xbf16> -> tensor<40x72xi8>
// CHECK-NEXT: deepseek.yield %[[Q]]
// CHECK: deepseek.recipe @w.q8_scale : tensor<40x3xf16> layers [1, 2] {
// CHECK: deepseek.quantize_scales %{{.*}} group 32 : tensor<40x72xbf16> -> tensor<40x3xf16>

// What FP8 stands for is quantized.
// CHECK: deepseek.recipe @f8.q8 : tensor<40x72xi8> {
// CHECK: %[[C:.*]] = deepseek.source @f8 : tensor<40x72xf8E4M3FN>
// CHECK: %[[S:.*]] = deepseek.source @f8_scale : tensor<2x1xf32>
// CHECK: %[[N:.*]] = deepseek.to_f32 %[[C]]
// CHECK: %[[D:.*]] = deepseek.dequantize %[[N]] scales %[[S]] block <32 x 128>
// CHECK: deepseek.quantize %[[D]] group 32 : tensor<40x72xf32> -> tensor<40x72xi8>

// CHECK-LABEL: func.func @quantizes
// CHECK-SAME: (%[[X:.*]]: tensor<?x72xf32>, %[[L:.*]]: index)
func.func @quantizes(%x: tensor<?x72xf32>, %l: index) -> tensor<?x40xf32> {
  // CHECK: %[[W:.*]] = deepseek.get_weight @w.q8[%[[L]]] : tensor<40x72xi8>
  // CHECK: %[[S:.*]] = deepseek.get_weight @w.q8_scale[%[[L]]] : tensor<40x3xf16>
  // CHECK: deepseek.linear %[[X]], %[[W]] scale %[[S]] <1 x 32> :
  %w = deepseek.get_weight @w[%l] : tensor<40x72xbf16>
  %y = deepseek.linear %x, %w : (tensor<?x72xf32>, tensor<40x72xbf16>) -> tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}

// CHECK-LABEL: func.func @quantizes_f8
func.func @quantizes_f8(%x: tensor<?x72xf32>) -> tensor<?x40xf32> {
  // CHECK: deepseek.linear %{{.*}}, %{{.*}} scale %{{.*}} <1 x 32> : (tensor<?x72xf32>, tensor<40x72xi8>, tensor<40x3xf16>)
  %w = deepseek.get_weight @f8 : tensor<40x72xf8E4M3FN>
  %s = deepseek.get_weight @f8_scale : tensor<2x1xf32>
  %y = deepseek.linear %x, %w scale %s <32 x 128>
      : (tensor<?x72xf32>, tensor<40x72xf8E4M3FN>, tensor<2x1xf32>) -> tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}

// CHECK-LABEL: func.func @keeps_router
func.func @keeps_router(%x: tensor<?x72xf32>) -> tensor<?x2xf32> {
  // CHECK: deepseek.linear %{{.*}}, %{{.*}} : (tensor<?x72xf32>, tensor<4x72xbf16>)
  %w = deepseek.get_weight @router : tensor<4x72xbf16>
  %logits = deepseek.linear %x, %w : (tensor<?x72xf32>, tensor<4x72xbf16>) -> tensor<?x4xf32>
  %ids, %weights = deepseek.moe_gate %logits <softmax, none, top_k = 2> : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %weights : tensor<?x2xf32>
}
