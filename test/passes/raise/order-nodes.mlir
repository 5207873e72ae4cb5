// The same nodes in two orders become the same function, graphs within nodes included.
// RUN: fathom-opt %s --verify-numerics-each --fathom-order-nodes --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[NEG:.*]] = onnx.node "Neg" opset 18(%arg0)
// CHECK: %[[EXP:.*]] = onnx.node "Exp" opset 18(%arg0)
// CHECK: %[[SUM:.*]] = onnx.node "Add" opset 18(%[[NEG]], %[[EXP]])
// CHECK: return %[[SUM]]
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %exp = onnx.node "Exp" opset 18 (%x) : (tensor<4xf32>) -> tensor<4xf32>
  %neg = onnx.node "Neg" opset 18 (%x) : (tensor<4xf32>) -> tensor<4xf32>
  %sum = onnx.node "Add" opset 18 (%neg, %exp) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %sum : tensor<4xf32>
}

// -----

// A node needs what its graphs read.
// CHECK-LABEL: func.func @graphs
// CHECK: %[[EXP:.*]] = onnx.node "Exp"
// CHECK: onnx.node "If" opset 18(%arg1)
// CHECK: %[[NEG:.*]] = onnx.node "Neg" opset 18(%[[EXP]])
// CHECK: %[[SIN:.*]] = onnx.node "Sin" opset 18(%[[EXP]])
// CHECK: onnx.node "Add" opset 18(%[[NEG]], %[[SIN]])
// CHECK: "Abs"
func.func @graphs(%x: tensor<4xf32>, %c: tensor<i1>) -> tensor<4xf32> {
  %exp = onnx.node "Exp" opset 18 (%x) : (tensor<4xf32>) -> tensor<4xf32>
  %nobody = onnx.node "Abs" opset 18 (%x) : (tensor<4xf32>) -> tensor<4xf32>
  %y = onnx.node "If" opset 18 (%c) graphs ["then_branch", "else_branch"] {
    %sin = onnx.node "Sin" opset 18 (%exp) : (tensor<4xf32>) -> tensor<4xf32>
    %neg = onnx.node "Neg" opset 18 (%exp) : (tensor<4xf32>) -> tensor<4xf32>
    %sum = onnx.node "Add" opset 18 (%neg, %sin) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    onnx.yield %sum : tensor<4xf32>
  }, {
    onnx.yield %x : tensor<4xf32>
  } : (tensor<i1>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
