// Softmax(scale · Q Kᵀ + mask) V, with the scale and the mask in their usual places.
// RUN: fathom-opt %s --fathom-simplify-nodes --fathom-raise-attention --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @adds_a_mask
// CHECK: %[[Y:.*]] = onnx.node "Attention" opset 23(%arg0, %arg1, %arg2, %arg3) {scale = 2.500000e-01 : f32}
// CHECK: return %[[Y]]
func.func @adds_a_mask(%q: tensor<1x2x3x16xf32>, %k: tensor<1x2x5x16xf32>, %v: tensor<1x2x5x16xf32>, %mask: tensor<1x1x3x5xf32>) -> tensor<1x2x3x16xf32> {
  %four = onnx.constant dense<4.0> : tensor<f32>
  %t = onnx.node "Transpose" opset 18 (%k) {perm = array<i64: 0, 1, 3, 2>} : (tensor<1x2x5x16xf32>) -> tensor<1x2x16x5xf32>
  %product = onnx.node "MatMul" opset 18 (%q, %t) : (tensor<1x2x3x16xf32>, tensor<1x2x16x5xf32>) -> tensor<1x2x3x5xf32>
  %scaled = onnx.node "Div" opset 18 (%product, %four) : (tensor<1x2x3x5xf32>, tensor<f32>) -> tensor<1x2x3x5xf32>
  %masked = onnx.node "Add" opset 18 (%mask, %scaled) : (tensor<1x1x3x5xf32>, tensor<1x2x3x5xf32>) -> tensor<1x2x3x5xf32>
  %p = onnx.node "Softmax" opset 18 (%masked) {axis = -1 : i64} : (tensor<1x2x3x5xf32>) -> tensor<1x2x3x5xf32>
  %y = onnx.node "MatMul" opset 18 (%p, %v) : (tensor<1x2x3x5xf32>, tensor<1x2x5x16xf32>) -> tensor<1x2x3x16xf32>
  return %y : tensor<1x2x3x16xf32>
}

// -----

// Keys that come from [batch, positions, heads, width] in one transposition, and a scale of both factors.
// CHECK-LABEL: func.func @scales_both
// CHECK: %[[K:.*]] = onnx.node "Transpose" opset 23(%arg1) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: onnx.node "Attention" opset 23(%arg0, %[[K]], %arg2) {scale = 2.500000e-01 : f32}
func.func @scales_both(%q: tensor<1x2x3x16xf32>, %k: tensor<1x3x2x16xf32>, %v: tensor<1x2x3x16xf32>) -> tensor<1x2x3x16xf32> {
  %half = onnx.constant dense<0.5> : tensor<f32>
  %a = onnx.node "Mul" opset 18 (%q, %half) : (tensor<1x2x3x16xf32>, tensor<f32>) -> tensor<1x2x3x16xf32>
  %t = onnx.node "Transpose" opset 18 (%k) {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x3x2x16xf32>) -> tensor<1x2x16x3xf32>
  %b = onnx.node "Mul" opset 18 (%t, %half) : (tensor<1x2x16x3xf32>, tensor<f32>) -> tensor<1x2x16x3xf32>
  %product = onnx.node "MatMul" opset 18 (%a, %b) : (tensor<1x2x3x16xf32>, tensor<1x2x16x3xf32>) -> tensor<1x2x3x3xf32>
  %p = onnx.node "Softmax" opset 18 (%product) : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %y = onnx.node "MatMul" opset 18 (%p, %v) : (tensor<1x2x3x3xf32>, tensor<1x2x3x16xf32>) -> tensor<1x2x3x16xf32>
  return %y : tensor<1x2x3x16xf32>
}

// -----

// CHECK-LABEL: func.func @softmax_over_queries
// CHECK-NOT: "Attention"
func.func @softmax_over_queries(%q: tensor<1x2x3x16xf32>, %t: tensor<1x2x16x3xf32>, %v: tensor<1x2x3x16xf32>) -> tensor<1x2x3x16xf32> {
  %product = onnx.node "MatMul" opset 18 (%q, %t) : (tensor<1x2x3x16xf32>, tensor<1x2x16x3xf32>) -> tensor<1x2x3x3xf32>
  %p = onnx.node "Softmax" opset 18 (%product) {axis = 2 : i64} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %y = onnx.node "MatMul" opset 18 (%p, %v) : (tensor<1x2x3x3xf32>, tensor<1x2x3x16xf32>) -> tensor<1x2x3x16xf32>
  return %y : tensor<1x2x3x16xf32>
}

// -----

// Two parts of queries and keys, whose products are added.
// CHECK-LABEL: func.func @sum_of_products
// CHECK: %[[C:.*]] = onnx.node "Transpose" opset 23(%arg2) {perm = array<i64: 0, 1, 3, 2>}
// CHECK: %[[K:.*]] = onnx.node "Transpose" opset 23(%arg3) {perm = array<i64: 0, 1, 3, 2>}
// CHECK: %[[QUERY:.*]] = onnx.node "Concat" opset 23(%arg0, %arg1) {axis = 3 : i64}
// CHECK: %[[KEYS:.*]] = onnx.node "Concat" opset 23(%[[C]], %[[K]]) {axis = 3 : i64}
// CHECK: onnx.node "Attention" opset 23(%[[QUERY]], %[[KEYS]], %arg4, %arg5) {scale = 5.000000e-01 : f32}
func.func @sum_of_products(%q: tensor<1x2x3x16xf32>, %r: tensor<1x2x3x8xf32>, %c: tensor<1x1x16x5xf32>, %k: tensor<1x1x8x5xf32>, %v: tensor<1x1x5x16xf32>, %mask: tensor<3x5xf32>) -> tensor<1x2x3x16xf32> {
  %half = onnx.constant dense<0.5> : tensor<f32>
  %a = onnx.node "MatMul" opset 18 (%q, %c) : (tensor<1x2x3x16xf32>, tensor<1x1x16x5xf32>) -> tensor<1x2x3x5xf32>
  %b = onnx.node "MatMul" opset 18 (%r, %k) : (tensor<1x2x3x8xf32>, tensor<1x1x8x5xf32>) -> tensor<1x2x3x5xf32>
  %sum = onnx.node "Add" opset 18 (%a, %b) : (tensor<1x2x3x5xf32>, tensor<1x2x3x5xf32>) -> tensor<1x2x3x5xf32>
  %scores = onnx.node "Mul" opset 18 (%sum, %half) : (tensor<1x2x3x5xf32>, tensor<f32>) -> tensor<1x2x3x5xf32>
  %masked = onnx.node "Add" opset 18 (%scores, %mask) : (tensor<1x2x3x5xf32>, tensor<3x5xf32>) -> tensor<1x2x3x5xf32>
  %p = onnx.node "Softmax" opset 18 (%masked) {axis = -1 : i64} : (tensor<1x2x3x5xf32>) -> tensor<1x2x3x5xf32>
  %y = onnx.node "MatMul" opset 18 (%p, %v) : (tensor<1x2x3x5xf32>, tensor<1x1x5x16xf32>) -> tensor<1x2x3x16xf32>
  return %y : tensor<1x2x3x16xf32>
}

// -----

// Only one of the products is scaled.
// CHECK-LABEL: func.func @unlike_scales
// CHECK-NOT: "Attention"
func.func @unlike_scales(%q: tensor<1x2x3x16xf32>, %r: tensor<1x2x3x8xf32>, %c: tensor<1x1x16x5xf32>, %k: tensor<1x1x8x5xf32>, %v: tensor<1x1x5x16xf32>, %mask: tensor<3x5xf32>) -> tensor<1x2x3x16xf32> {
  %half = onnx.constant dense<0.5> : tensor<f32>
  %a = onnx.node "MatMul" opset 18 (%q, %c) : (tensor<1x2x3x16xf32>, tensor<1x1x16x5xf32>) -> tensor<1x2x3x5xf32>
  %b = onnx.node "MatMul" opset 18 (%r, %k) : (tensor<1x2x3x8xf32>, tensor<1x1x8x5xf32>) -> tensor<1x2x3x5xf32>
  %scaled = onnx.node "Mul" opset 18 (%b, %half) : (tensor<1x2x3x5xf32>, tensor<f32>) -> tensor<1x2x3x5xf32>
  %scores = onnx.node "Add" opset 18 (%a, %scaled) : (tensor<1x2x3x5xf32>, tensor<1x2x3x5xf32>) -> tensor<1x2x3x5xf32>
  %masked = onnx.node "Add" opset 18 (%scores, %mask) : (tensor<1x2x3x5xf32>, tensor<3x5xf32>) -> tensor<1x2x3x5xf32>
  %p = onnx.node "Softmax" opset 18 (%masked) {axis = -1 : i64} : (tensor<1x2x3x5xf32>) -> tensor<1x2x3x5xf32>
  %y = onnx.node "MatMul" opset 18 (%p, %v) : (tensor<1x2x3x5xf32>, tensor<1x1x5x16xf32>) -> tensor<1x2x3x16xf32>
  return %y : tensor<1x2x3x16xf32>
}
