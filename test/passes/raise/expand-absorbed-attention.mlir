// Attention to latents becomes attention to keys and values that are expanded from them.
// RUN: fathom-opt %s --fathom-expand-absorbed-attention --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @absorbed
// CHECK: %[[KEY:.*]] = onnx.get_initializer @key
// CHECK: %[[VALUE:.*]] = onnx.get_initializer @value
// CHECK: %[[BOTH:.*]] = onnx.node "Concat" opset 23(%[[KEY]], %[[VALUE]]) {axis = 1 : i64} {{.*}} -> tensor<4x22x32xf32>
// CHECK: %[[ROWS:.*]] = onnx.node "Reshape" opset 23(%[[BOTH]], %{{.*}}) {{.*}} -> tensor<88x32xf32>
// CHECK: %[[MATRIX:.*]] = onnx.node "Transpose" opset 23(%[[ROWS]])
// CHECK: %[[PRODUCT:.*]] = onnx.node "MatMul" opset 23(%arg2, %[[MATRIX]])
// CHECK: %[[SPLIT:.*]] = onnx.node "Reshape" opset 23(%[[PRODUCT]], %{{.*}}) {{.*}} -> tensor<1x5x4x22xf32>
// CHECK: %[[EXPANDED:.*]] = onnx.node "Transpose" opset 23(%[[SPLIT]]) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: %[[QUERY:.*]] = onnx.node "Concat" opset 23(%arg0, %arg1)
// CHECK: %[[NOPE:.*]] = onnx.node "Slice" opset 23(%[[EXPANDED]]{{.*}} -> tensor<1x4x5x16xf32>
// CHECK: %[[ROPE:.*]] = onnx.node "Expand" opset 23(%arg3, %{{.*}}) {{.*}} -> tensor<1x4x5x8xf32>
// CHECK: %[[KEYS:.*]] = onnx.node "Concat" opset 23(%[[NOPE]], %[[ROPE]])
// CHECK: %[[VALUES:.*]] = onnx.node "Slice" opset 23(%[[EXPANDED]]{{.*}} -> tensor<1x4x5x6xf32>
// CHECK: %[[Y:.*]] = onnx.node "CausalAttention" of "fathom" opset 1(%[[QUERY]], %[[KEYS]], %[[VALUES]]) {scale = 2.500000e-01 : f32}
// CHECK: return %[[Y]]
onnx.initializer @key : tensor<4x16x32xf32> file 0 offset 0
onnx.initializer @value : tensor<4x6x32xf32> file 0 offset 8192
func.func @absorbed(%q: tensor<1x4x3x16xf32>, %r: tensor<1x4x3x8xf32>, %c: tensor<1x1x5x32xf32>, %k: tensor<1x1x5x8xf32>) -> tensor<1x4x3x6xf32> {
  %key = onnx.get_initializer @key : tensor<4x16x32xf32>
  %value = onnx.get_initializer @value : tensor<4x6x32xf32>
  %turned = onnx.node "Transpose" opset 18 (%value) {perm = array<i64: 0, 2, 1>} : (tensor<4x6x32xf32>) -> tensor<4x32x6xf32>
  %absorbed = onnx.node "MatMul" opset 18 (%q, %key) : (tensor<1x4x3x16xf32>, tensor<4x16x32xf32>) -> tensor<1x4x3x32xf32>
  %query = onnx.node "Concat" opset 18 (%absorbed, %r) {axis = 3 : i64} : (tensor<1x4x3x32xf32>, tensor<1x4x3x8xf32>) -> tensor<1x4x3x40xf32>
  %keys = onnx.node "Concat" opset 18 (%c, %k) {axis = 3 : i64} : (tensor<1x1x5x32xf32>, tensor<1x1x5x8xf32>) -> tensor<1x1x5x40xf32>
  %sum = onnx.node "CausalAttention" of "fathom" opset 1 (%query, %keys, %c) {scale = 0.25 : f32} : (tensor<1x4x3x40xf32>, tensor<1x1x5x40xf32>, tensor<1x1x5x32xf32>) -> tensor<1x4x3x32xf32>
  %y = onnx.node "MatMul" opset 18 (%sum, %turned) : (tensor<1x4x3x32xf32>, tensor<4x32x6xf32>) -> tensor<1x4x3x6xf32>
  return %y : tensor<1x4x3x6xf32>
}

// -----

// Values that are not the latents of the keys.
// CHECK-LABEL: func.func @other_values
// CHECK-NOT: Expand
onnx.initializer @key : tensor<4x16x32xf32> file 0 offset 0
onnx.initializer @value : tensor<4x32x6xf32> file 0 offset 8192
func.func @other_values(%q: tensor<1x4x3x16xf32>, %r: tensor<1x4x3x8xf32>, %c: tensor<1x1x5x32xf32>, %k: tensor<1x1x5x8xf32>, %v: tensor<1x1x5x32xf32>) -> tensor<1x4x3x6xf32> {
  %key = onnx.get_initializer @key : tensor<4x16x32xf32>
  %value = onnx.get_initializer @value : tensor<4x32x6xf32>
  %absorbed = onnx.node "MatMul" opset 18 (%q, %key) : (tensor<1x4x3x16xf32>, tensor<4x16x32xf32>) -> tensor<1x4x3x32xf32>
  %query = onnx.node "Concat" opset 18 (%absorbed, %r) {axis = 3 : i64} : (tensor<1x4x3x32xf32>, tensor<1x4x3x8xf32>) -> tensor<1x4x3x40xf32>
  %keys = onnx.node "Concat" opset 18 (%c, %k) {axis = 3 : i64} : (tensor<1x1x5x32xf32>, tensor<1x1x5x8xf32>) -> tensor<1x1x5x40xf32>
  %sum = onnx.node "CausalAttention" of "fathom" opset 1 (%query, %keys, %v) {scale = 0.25 : f32} : (tensor<1x4x3x40xf32>, tensor<1x1x5x40xf32>, tensor<1x1x5x32xf32>) -> tensor<1x4x3x32xf32>
  %y = onnx.node "MatMul" opset 18 (%sum, %value) : (tensor<1x4x3x32xf32>, tensor<4x32x6xf32>) -> tensor<1x4x3x6xf32>
  return %y : tensor<1x4x3x6xf32>
}
