// x · cos + Concat(−x₂, x₁) · sin, in any order of terms and factors.
// RUN: fathom-opt %s --fathom-raise-rotations --split-input-file | FileCheck %s

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

// -----

// Pairs are a dimension, as of complex numbers: they become halves.
// CHECK-LABEL: func.func @pairs
// CHECK-DAG: %[[FLAT:.*]] = onnx.node "Reshape" opset 23(%arg0, %{{.*}}) {{.*}} -> tensor<3x2x8xf32>
// CHECK-DAG: %[[COS:.*]] = onnx.node "Concat" opset 23(%{{.*}}, %{{.*}}) {axis = -1 : i64} : (tensor<3x1x4xf32>, tensor<3x1x4xf32>)
// CHECK-DAG: %[[SIN:.*]] = onnx.node "Concat" opset 23(%{{.*}}, %{{.*}}) {axis = -1 : i64} : (tensor<3x1x4xf32>, tensor<3x1x4xf32>)
// CHECK: %[[Y:.*]] = onnx.node "Rotate" of "fathom" opset 1(%{{.*}}, %[[COS]], %[[SIN]]) : (tensor<3x2x8xf32>, tensor<3x1x8xf32>, tensor<3x1x8xf32>)
func.func @pairs(%x: tensor<3x2x4x2xf32>, %c: tensor<3x1x4x1xf32>, %s: tensor<3x1x4x1xf32>) -> tensor<3x2x4x2xf32> {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %axis = onnx.constant dense<-1> : tensor<1xi64>
  %u = onnx.node "Slice" opset 18 (%x, %zero, %one, %axis) : (tensor<3x2x4x2xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3x2x4x1xf32>
  %v = onnx.node "Slice" opset 18 (%x, %one, %two, %axis) : (tensor<3x2x4x2xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3x2x4x1xf32>
  %uc = onnx.node "Mul" opset 18 (%u, %c) : (tensor<3x2x4x1xf32>, tensor<3x1x4x1xf32>) -> tensor<3x2x4x1xf32>
  %vs = onnx.node "Mul" opset 18 (%v, %s) : (tensor<3x2x4x1xf32>, tensor<3x1x4x1xf32>) -> tensor<3x2x4x1xf32>
  %us = onnx.node "Mul" opset 18 (%u, %s) : (tensor<3x2x4x1xf32>, tensor<3x1x4x1xf32>) -> tensor<3x2x4x1xf32>
  %vc = onnx.node "Mul" opset 18 (%v, %c) : (tensor<3x2x4x1xf32>, tensor<3x1x4x1xf32>) -> tensor<3x2x4x1xf32>
  %a = onnx.node "Sub" opset 18 (%uc, %vs) : (tensor<3x2x4x1xf32>, tensor<3x2x4x1xf32>) -> tensor<3x2x4x1xf32>
  %b = onnx.node "Add" opset 18 (%us, %vc) : (tensor<3x2x4x1xf32>, tensor<3x2x4x1xf32>) -> tensor<3x2x4x1xf32>
  %y = onnx.node "Concat" opset 18 (%a, %b) {axis = -1 : i64} : (tensor<3x2x4x1xf32>, tensor<3x2x4x1xf32>) -> tensor<3x2x4x2xf32>
  return %y : tensor<3x2x4x2xf32>
}

// -----

// The same of numbers that were taken from it.
// CHECK-LABEL: func.func @single_numbers
// CHECK-DAG: %[[FLAT:.*]] = onnx.node "Reshape" opset 23(%arg0, %{{.*}}) {{.*}} -> tensor<3x2x8xf32>
// CHECK-DAG: %[[COS:.*]] = onnx.node "Concat" opset 23(%arg1, %arg1)
// CHECK-DAG: %[[SIN:.*]] = onnx.node "Concat" opset 23(%arg2, %arg2)
// CHECK: %[[Y:.*]] = onnx.node "Rotate" of "fathom" opset 1(%{{.*}}, %[[COS]], %[[SIN]]) : (tensor<3x2x8xf32>, tensor<3x1x8xf32>, tensor<3x1x8xf32>)
func.func @single_numbers(%x: tensor<3x2x4x2xf32>, %c: tensor<3x1x4xf32>, %s: tensor<3x1x4xf32>) -> tensor<3x2x4x2xf32> {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %axis = onnx.constant dense<-1> : tensor<1xi64>
  %u0 = onnx.node "Slice" opset 18 (%x, %zero, %one, %axis) : (tensor<3x2x4x2xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3x2x4x1xf32>
  %v0 = onnx.node "Slice" opset 18 (%x, %one, %two, %axis) : (tensor<3x2x4x2xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3x2x4x1xf32>
  %less = onnx.constant dense<[3, 2, 4]> : tensor<3xi64>
  %more = onnx.constant dense<[3, 2, 4, 1]> : tensor<4xi64>
  %u = onnx.node "Reshape" opset 18 (%u0, %less) : (tensor<3x2x4x1xf32>, tensor<3xi64>) -> tensor<3x2x4xf32>
  %v = onnx.node "Reshape" opset 18 (%v0, %less) : (tensor<3x2x4x1xf32>, tensor<3xi64>) -> tensor<3x2x4xf32>
  %uc = onnx.node "Mul" opset 18 (%u, %c) : (tensor<3x2x4xf32>, tensor<3x1x4xf32>) -> tensor<3x2x4xf32>
  %vs = onnx.node "Mul" opset 18 (%v, %s) : (tensor<3x2x4xf32>, tensor<3x1x4xf32>) -> tensor<3x2x4xf32>
  %us = onnx.node "Mul" opset 18 (%u, %s) : (tensor<3x2x4xf32>, tensor<3x1x4xf32>) -> tensor<3x2x4xf32>
  %vc = onnx.node "Mul" opset 18 (%v, %c) : (tensor<3x2x4xf32>, tensor<3x1x4xf32>) -> tensor<3x2x4xf32>
  %a0 = onnx.node "Sub" opset 18 (%uc, %vs) : (tensor<3x2x4xf32>, tensor<3x2x4xf32>) -> tensor<3x2x4xf32>
  %b0 = onnx.node "Add" opset 18 (%us, %vc) : (tensor<3x2x4xf32>, tensor<3x2x4xf32>) -> tensor<3x2x4xf32>
  %a = onnx.node "Reshape" opset 18 (%a0, %more) : (tensor<3x2x4xf32>, tensor<4xi64>) -> tensor<3x2x4x1xf32>
  %b = onnx.node "Reshape" opset 18 (%b0, %more) : (tensor<3x2x4xf32>, tensor<4xi64>) -> tensor<3x2x4x1xf32>
  %y = onnx.node "Concat" opset 18 (%a, %b) {axis = -1 : i64} : (tensor<3x2x4x1xf32>, tensor<3x2x4x1xf32>) -> tensor<3x2x4x2xf32>
  return %y : tensor<3x2x4x2xf32>
}

// -----

// One angle for all pairs is not a rotation by position.
// CHECK-LABEL: func.func @one_angle
// CHECK-NOT: Rotate
func.func @one_angle(%x: tensor<3x2x4x2xf32>, %c: tensor<3x1x1x1xf32>, %s: tensor<3x1x1x1xf32>) -> tensor<3x2x4x2xf32> {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %axis = onnx.constant dense<-1> : tensor<1xi64>
  %u = onnx.node "Slice" opset 18 (%x, %zero, %one, %axis) : (tensor<3x2x4x2xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3x2x4x1xf32>
  %v = onnx.node "Slice" opset 18 (%x, %one, %two, %axis) : (tensor<3x2x4x2xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3x2x4x1xf32>
  %uc = onnx.node "Mul" opset 18 (%u, %c) : (tensor<3x2x4x1xf32>, tensor<3x1x1x1xf32>) -> tensor<3x2x4x1xf32>
  %vs = onnx.node "Mul" opset 18 (%v, %s) : (tensor<3x2x4x1xf32>, tensor<3x1x1x1xf32>) -> tensor<3x2x4x1xf32>
  %us = onnx.node "Mul" opset 18 (%u, %s) : (tensor<3x2x4x1xf32>, tensor<3x1x1x1xf32>) -> tensor<3x2x4x1xf32>
  %vc = onnx.node "Mul" opset 18 (%v, %c) : (tensor<3x2x4x1xf32>, tensor<3x1x1x1xf32>) -> tensor<3x2x4x1xf32>
  %a = onnx.node "Sub" opset 18 (%uc, %vs) : (tensor<3x2x4x1xf32>, tensor<3x2x4x1xf32>) -> tensor<3x2x4x1xf32>
  %b = onnx.node "Add" opset 18 (%us, %vc) : (tensor<3x2x4x1xf32>, tensor<3x2x4x1xf32>) -> tensor<3x2x4x1xf32>
  %y = onnx.node "Concat" opset 18 (%a, %b) {axis = -1 : i64} : (tensor<3x2x4x1xf32>, tensor<3x2x4x1xf32>) -> tensor<3x2x4x2xf32>
  return %y : tensor<3x2x4x2xf32>
}

// -----

// Of elements in turns, each pair a dimension of its own at the end.
// CHECK-LABEL: func.func @pairs_of_turns
// CHECK: %[[HALVES:.*]] = onnx.node "Reshape" {{.*}} -> tensor<4x8xf32>
// CHECK: %[[R:.*]] = onnx.node "Rotate" of "fathom" opset 1(%[[HALVES]], %{{[0-9]+}}, %{{[0-9]+}})
// CHECK: %[[TURNS:.*]] = onnx.node "Transpose"
// CHECK: %[[Y:.*]] = onnx.node "Reshape" {{.*}} -> tensor<4x4x2xf32>
// CHECK: return %[[Y]]
func.func @pairs_of_turns(%x: tensor<4x8xf32>, %cos: tensor<4x4xf32>, %sin: tensor<4x4xf32>) -> tensor<4x4x2xf32> {
  %0 = onnx.constant dense<0> : tensor<1xi64>
  %1 = onnx.constant dense<1> : tensor<1xi64>
  %2 = onnx.constant dense<2> : tensor<1xi64>
  %8 = onnx.constant dense<8> : tensor<1xi64>
  %shape = onnx.constant dense<[4, 4, 1]> : tensor<3xi64>
  %u = onnx.node "Slice" opset 18 (%x, %0, %8, %1, %2) : (tensor<4x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x4xf32>
  %v = onnx.node "Slice" opset 18 (%x, %1, %8, %1, %2) : (tensor<4x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x4xf32>
  %uc = onnx.node "Mul" opset 18 (%u, %cos) : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %vs = onnx.node "Mul" opset 18 (%v, %sin) : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %us = onnx.node "Mul" opset 18 (%u, %sin) : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %vc = onnx.node "Mul" opset 18 (%v, %cos) : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %first = onnx.node "Sub" opset 18 (%uc, %vs) : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %second = onnx.node "Add" opset 18 (%us, %vc) : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %a = onnx.node "Reshape" opset 18 (%first, %shape) : (tensor<4x4xf32>, tensor<3xi64>) -> tensor<4x4x1xf32>
  %b = onnx.node "Reshape" opset 18 (%second, %shape) : (tensor<4x4xf32>, tensor<3xi64>) -> tensor<4x4x1xf32>
  %y = onnx.node "Concat" opset 18 (%a, %b) {axis = -1 : i64} : (tensor<4x4x1xf32>, tensor<4x4x1xf32>) -> tensor<4x4x2xf32>
  return %y : tensor<4x4x2xf32>
}
