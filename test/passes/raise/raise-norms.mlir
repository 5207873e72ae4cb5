// Norms in the order of factors that each exporter has, and what looks like one.
// RUN: fathom-opt %s --verify-numerics-each --fathom-simplify-nodes --fathom-raise-norms --split-input-file | FileCheck %s
// RUN: fathom-opt %s --verify-numerics-each --fathom-simplify-nodes --fathom-raise-norms --fathom-raise-norms --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @of_a_product
// CHECK: %[[W:.*]] = onnx.get_initializer @w
// CHECK: %[[Y:.*]] = onnx.node "RMSNormalization" opset 23(%arg0, %[[W]]) {epsilon = 9.99999974E-6 : f32}
// CHECK: return %[[Y]]
onnx.initializer @w : tensor<8xf32> file 0 offset 0
func.func @of_a_product(%x: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  %w = onnx.get_initializer @w : tensor<8xf32>
  %axes = onnx.constant dense<-1> : tensor<1xi64>
  %two = onnx.constant dense<2.0> : tensor<f32>
  %eps = onnx.constant dense<1.0e-5> : tensor<f32>
  %square = onnx.node "Pow" opset 18 (%x, %two) : (tensor<1x4x8xf32>, tensor<f32>) -> tensor<1x4x8xf32>
  %mean = onnx.node "ReduceMean" opset 18 (%square, %axes) {keepdims = 1 : i64} : (tensor<1x4x8xf32>, tensor<1xi64>) -> tensor<1x4x1xf32>
  %sum = onnx.node "Add" opset 18 (%eps, %mean) : (tensor<f32>, tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  %root = onnx.node "Sqrt" opset 18 (%sum) : (tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  %inverse = onnx.node "Reciprocal" opset 18 (%root) : (tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  %normed = onnx.node "Mul" opset 18 (%x, %inverse) : (tensor<1x4x8xf32>, tensor<1x4x1xf32>) -> tensor<1x4x8xf32>
  %y = onnx.node "Mul" opset 18 (%w, %normed) : (tensor<8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %y : tensor<1x4x8xf32>
}

// -----

// The attribute "axes" of older opsets, a quotient, no weight.
// CHECK-LABEL: func.func @of_a_quotient
// CHECK: %[[ONES:.*]] = onnx.constant dense<1.000000e+00> : tensor<8xf32>
// CHECK: onnx.node "RMSNormalization" opset 23(%arg0, %[[ONES]])
func.func @of_a_quotient(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %eps = onnx.constant dense<1.0e-5> : tensor<f32>
  %square = onnx.node "Mul" opset 13 (%x, %x) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %mean = onnx.node "ReduceMean" opset 13 (%square) {axes = array<i64: -1>} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %sum = onnx.node "Add" opset 13 (%mean, %eps) : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %root = onnx.node "Sqrt" opset 13 (%sum) : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %y = onnx.node "Div" opset 13 (%x, %root) : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func.func @of_another_axis
// CHECK-NOT: RMSNormalization
func.func @of_another_axis(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %eps = onnx.constant dense<1.0e-5> : tensor<f32>
  %square = onnx.node "Mul" opset 13 (%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %mean = onnx.node "ReduceMean" opset 13 (%square) {axes = array<i64: 0>} : (tensor<8x8xf32>) -> tensor<1x8xf32>
  %sum = onnx.node "Add" opset 13 (%mean, %eps) : (tensor<1x8xf32>, tensor<f32>) -> tensor<1x8xf32>
  %root = onnx.node "Sqrt" opset 13 (%sum) : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %y = onnx.node "Div" opset 13 (%x, %root) : (tensor<8x8xf32>, tensor<1x8xf32>) -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}

// -----

// CHECK-LABEL: func.func @eps_outside_of_the_root
// CHECK-NOT: RMSNormalization
func.func @eps_outside_of_the_root(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %eps = onnx.constant dense<1.0e-5> : tensor<f32>
  %square = onnx.node "Mul" opset 13 (%x, %x) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %mean = onnx.node "ReduceMean" opset 13 (%square) {axes = array<i64: -1>} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %root = onnx.node "Sqrt" opset 13 (%mean) : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %sum = onnx.node "Add" opset 13 (%root, %eps) : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %y = onnx.node "Div" opset 13 (%x, %sum) : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func.func @mean_of_another_tensor
// CHECK-NOT: RMSNormalization
func.func @mean_of_another_tensor(%x: tensor<4x8xf32>, %z: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %eps = onnx.constant dense<1.0e-5> : tensor<f32>
  %square = onnx.node "Mul" opset 13 (%z, %z) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %mean = onnx.node "ReduceMean" opset 13 (%square) {axes = array<i64: -1>} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %sum = onnx.node "Add" opset 13 (%mean, %eps) : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %root = onnx.node "Sqrt" opset 13 (%sum) : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %y = onnx.node "Div" opset 13 (%x, %root) : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// Rows of 16 bits are widened and rounded by the operator itself.
// CHECK-LABEL: func.func @half
// CHECK: %[[NORM:.*]] = onnx.node "RMSNormalization" opset 23(%arg0, %{{.*}}) {epsilon = 9.99999997E-7 : f32} : (tensor<4x8xf16>, tensor<8xf16>) -> tensor<4x8xf16>
// CHECK: return %[[NORM]]
func.func @half(%x: tensor<4x8xf16>) -> tensor<4x8xf16> {
  %w = onnx.constant dense<[1.0, 2.0, 0.5, 1.0, 2.0, 0.5, 1.0, 2.0]> : tensor<8xf16>
  %axes = onnx.constant dense<-1> : tensor<1xi64>
  %eps = onnx.constant dense<1.0e-6> : tensor<f32>
  %wide = onnx.node "Cast" opset 18 (%x) {to = 1 : i64} : (tensor<4x8xf16>) -> tensor<4x8xf32>
  %square = onnx.node "Mul" opset 18 (%wide, %wide) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %mean = onnx.node "ReduceMean" opset 18 (%square, %axes) {keepdims = 1 : i64} : (tensor<4x8xf32>, tensor<1xi64>) -> tensor<4x1xf32>
  %sum = onnx.node "Add" opset 18 (%mean, %eps) : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %root = onnx.node "Sqrt" opset 18 (%sum) : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %inverse = onnx.node "Reciprocal" opset 18 (%root) : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %normed = onnx.node "Mul" opset 18 (%wide, %inverse) : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %rounded = onnx.node "Cast" opset 18 (%normed) {to = 10 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf16>
  %y = onnx.node "Mul" opset 18 (%w, %rounded) : (tensor<8xf16>, tensor<4x8xf16>) -> tensor<4x8xf16>
  return %y : tensor<4x8xf16>
}
