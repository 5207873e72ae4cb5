// x · cos + Concat(−x₂, x₁) · sin, in any order of terms and factors.
// RUN: fathom-opt %s --verify-numerics-each --fathom-raise-rotations --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @rotates
// CHECK: %[[Y:.*]] = onnx.node "Rotate" of "fathom" opset 1(%arg0, %arg1, %arg2)
// CHECK: return %[[Y]]
func.func @rotates(%x: tensor<1x2x3x8xf32>, %c: tensor<1x1x3x8xf32>, %s: tensor<1x1x3x8xf32>) -> tensor<1x2x3x8xf32> {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %half = onnx.constant dense<4> : tensor<1xi64>
  %end = onnx.constant dense<9223372036854775807> : tensor<1xi64>
  %axis = onnx.constant dense<-1> : tensor<1xi64>
  %low = onnx.node "Slice" opset 18 (%x, %zero, %half, %axis)
      : (tensor<1x2x3x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1x2x3x4xf32>
  %high = onnx.node "Slice" opset 18 (%x, %half, %end, %axis)
      : (tensor<1x2x3x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1x2x3x4xf32>
  %negated = onnx.node "Neg" opset 18 (%high) : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
  %turned = onnx.node "Concat" opset 18 (%negated, %low) {axis = -1 : i64} : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x8xf32>
  %a = onnx.node "Mul" opset 18 (%s, %turned) : (tensor<1x1x3x8xf32>, tensor<1x2x3x8xf32>) -> tensor<1x2x3x8xf32>
  %b = onnx.node "Mul" opset 18 (%x, %c) : (tensor<1x2x3x8xf32>, tensor<1x1x3x8xf32>) -> tensor<1x2x3x8xf32>
  %y = onnx.node "Add" opset 18 (%a, %b) : (tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>) -> tensor<1x2x3x8xf32>
  return %y : tensor<1x2x3x8xf32>
}

// -----

// CHECK-LABEL: func.func @turns_the_other_way
// CHECK-NOT: Rotate
func.func @turns_the_other_way(%x: tensor<3x8xf32>, %c: tensor<3x8xf32>, %s: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %half = onnx.constant dense<4> : tensor<1xi64>
  %end = onnx.constant dense<8> : tensor<1xi64>
  %axis = onnx.constant dense<-1> : tensor<1xi64>
  %low = onnx.node "Slice" opset 18 (%x, %zero, %half, %axis)
      : (tensor<3x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3x4xf32>
  %high = onnx.node "Slice" opset 18 (%x, %half, %end, %axis)
      : (tensor<3x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3x4xf32>
  %negated = onnx.node "Neg" opset 18 (%low) : (tensor<3x4xf32>) -> tensor<3x4xf32>
  %turned = onnx.node "Concat" opset 18 (%high, %negated) {axis = -1 : i64} : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
  %a = onnx.node "Mul" opset 18 (%turned, %s) : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  %b = onnx.node "Mul" opset 18 (%x, %c) : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  %y = onnx.node "Add" opset 18 (%a, %b) : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}
