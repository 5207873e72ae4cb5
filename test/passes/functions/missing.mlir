// RUN: not fathom-opt %s --fathom-convert-onnx-to-structured 2>&1 | FileCheck %s

// All operators that have no decomposition are named, with how many nodes have them.
// CHECK-DAG: error: has 2 nodes of MeanVarianceNormalization, which Fathom cannot compile as they stand; the first is node 'first' (MeanVarianceNormalization)
// CHECK-DAG: error: has 1 node of Exp of functions of f64, which Fathom cannot compile as they stand
func.func @main(%x: tensor<4xf64>) -> tensor<4xf64> {
  %a = onnx.node "MeanVarianceNormalization" opset 17 (%x) : (tensor<4xf64>) -> tensor<4xf64> loc("first")
  %b = onnx.node "MeanVarianceNormalization" opset 17 (%a) : (tensor<4xf64>) -> tensor<4xf64>
  %c = onnx.node "Exp" opset 17 (%x) : (tensor<4xf64>) -> tensor<4xf64>
  %d = onnx.node "Add" opset 17 (%b, %c) : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
  return %d : tensor<4xf64>
}
