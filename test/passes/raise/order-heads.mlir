// Heads come in front of positions where attention has them behind.
// RUN: fathom-opt %s --fathom-order-heads --split-input-file | FileCheck %s

// Scores that are transposed, with a mask that is as they are.
// CHECK-LABEL: func.func @transposed
// CHECK: %[[SCORES:.*]] = onnx.node "MatMul" opset 18(%arg0, %arg1)
// CHECK: %[[SCALED:.*]] = onnx.node "Mul" opset 23(%[[SCORES]], %{{.*}}) : (tensor<1x4x3x5xf32>, tensor<f32>)
// CHECK: %[[MASK:.*]] = onnx.node "Transpose" opset 23(%arg3) {perm = array<i64: 0, 2, 1, 3>} {{.*}} -> tensor<1x1x3x5xf32>
// CHECK: %[[MASKED:.*]] = onnx.node "Add" opset 23(%[[SCALED]], %[[MASK]])
// CHECK: %[[P:.*]] = onnx.node "Softmax" opset 23(%[[MASKED]])
// CHECK: %[[Y:.*]] = onnx.node "MatMul" opset 18(%[[P]], %arg2)
// CHECK: return %[[Y]]
func.func @transposed(%q: tensor<1x4x3x16xf32>, %k: tensor<1x4x16x5xf32>, %v: tensor<1x4x5x16xf32>, %mask: tensor<1x3x1x5xf32>) -> tensor<1x4x3x16xf32> {
  %scale = onnx.constant dense<0.25> : tensor<f32>
  %product = onnx.node "MatMul" opset 18 (%q, %k) : (tensor<1x4x3x16xf32>, tensor<1x4x16x5xf32>) -> tensor<1x4x3x5xf32>
  %scores = onnx.node "Transpose" opset 18 (%product) {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x4x3x5xf32>) -> tensor<1x3x4x5xf32>
  %scaled = onnx.node "Mul" opset 18 (%scores, %scale) : (tensor<1x3x4x5xf32>, tensor<f32>) -> tensor<1x3x4x5xf32>
  %masked = onnx.node "Add" opset 18 (%scaled, %mask) : (tensor<1x3x4x5xf32>, tensor<1x3x1x5xf32>) -> tensor<1x3x4x5xf32>
  %p = onnx.node "Softmax" opset 18 (%masked) {axis = -1 : i64} : (tensor<1x3x4x5xf32>) -> tensor<1x3x4x5xf32>
  %t = onnx.node "Transpose" opset 18 (%p) {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x3x4x5xf32>) -> tensor<1x4x3x5xf32>
  %y = onnx.node "MatMul" opset 18 (%t, %v) : (tensor<1x4x3x5xf32>, tensor<1x4x5x16xf32>) -> tensor<1x4x3x16xf32>
  return %y : tensor<1x4x3x16xf32>
}

// -----

// Keys and values that all heads share, in two products, chosen by a mask.
// CHECK-LABEL: func.func @shared
// CHECK: %[[MASK:.*]] = onnx.node "Transpose" opset 23(%arg4) {{.*}} -> tensor<1x1x?x5xi1
// CHECK: %[[Q:.*]] = onnx.node "Transpose" opset 23(%arg0) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: %[[A:.*]] = onnx.node "MatMul" opset 23(%[[Q]], %arg2)
// CHECK: %[[R:.*]] = onnx.node "Transpose" opset 23(%arg1) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: %[[B:.*]] = onnx.node "MatMul" opset 23(%[[R]], %arg3)
// CHECK: %[[SUM:.*]] = onnx.node "Add" opset 23(%[[A]], %[[B]])
// CHECK: %[[MASKED:.*]] = onnx.node "Where" opset 23(%[[MASK]], %[[SUM]], %{{.*}})
// CHECK: %[[P:.*]] = onnx.node "Softmax" opset 23(%[[MASKED]])
// CHECK: %[[Y:.*]] = onnx.node "MatMul" opset 23(%[[P]], %arg5)
// CHECK: onnx.node "Transpose" opset 23(%[[Y]]) {perm = array<i64: 0, 2, 1, 3>}
func.func @shared(%q: tensor<1x?x4x32xf32, #onnx.shape<"T">>, %r: tensor<1x?x4x8xf32, #onnx.shape<"T">>, %c: tensor<1x1x32x5xf32>, %k: tensor<1x1x8x5xf32>, %mask: tensor<1x?x1x5xi1, #onnx.shape<"T">>, %v: tensor<1x1x5x32xf32>) -> tensor<1x?x4x32xf32, #onnx.shape<"T">> {
  %hidden = onnx.constant dense<0xFF800000> : tensor<f32>
  %a = onnx.node "MatMul" opset 18 (%q, %c) : (tensor<1x?x4x32xf32, #onnx.shape<"T">>, tensor<1x1x32x5xf32>) -> tensor<1x?x4x5xf32, #onnx.shape<"T">>
  %b = onnx.node "MatMul" opset 18 (%r, %k) : (tensor<1x?x4x8xf32, #onnx.shape<"T">>, tensor<1x1x8x5xf32>) -> tensor<1x?x4x5xf32, #onnx.shape<"T">>
  %sum = onnx.node "Add" opset 18 (%a, %b) : (tensor<1x?x4x5xf32, #onnx.shape<"T">>, tensor<1x?x4x5xf32, #onnx.shape<"T">>) -> tensor<1x?x4x5xf32, #onnx.shape<"T">>
  %masked = onnx.node "Where" opset 18 (%mask, %sum, %hidden) : (tensor<1x?x1x5xi1, #onnx.shape<"T">>, tensor<1x?x4x5xf32, #onnx.shape<"T">>, tensor<f32>) -> tensor<1x?x4x5xf32, #onnx.shape<"T">>
  %p = onnx.node "Softmax" opset 18 (%masked) : (tensor<1x?x4x5xf32, #onnx.shape<"T">>) -> tensor<1x?x4x5xf32, #onnx.shape<"T">>
  %y = onnx.node "MatMul" opset 18 (%p, %v) : (tensor<1x?x4x5xf32, #onnx.shape<"T">>, tensor<1x1x5x32xf32>) -> tensor<1x?x4x32xf32, #onnx.shape<"T">>
  return %y : tensor<1x?x4x32xf32, #onnx.shape<"T">>
}

// -----

// Each position has keys of its own: heads stay where they are.
// CHECK-LABEL: func.func @keys_by_position
// CHECK-NOT: Transpose
func.func @keys_by_position(%q: tensor<1x?x4x32xf32, #onnx.shape<"T">>, %k: tensor<1x?x32x5xf32, #onnx.shape<"T">>) -> tensor<1x?x4x5xf32, #onnx.shape<"T">> {
  %a = onnx.node "MatMul" opset 18 (%q, %k) : (tensor<1x?x4x32xf32, #onnx.shape<"T">>, tensor<1x?x32x5xf32, #onnx.shape<"T">>) -> tensor<1x?x4x5xf32, #onnx.shape<"T">>
  %p = onnx.node "Softmax" opset 18 (%a) : (tensor<1x?x4x5xf32, #onnx.shape<"T">>) -> tensor<1x?x4x5xf32, #onnx.shape<"T">>
  return %p : tensor<1x?x4x5xf32, #onnx.shape<"T">>
}
