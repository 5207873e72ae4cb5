// What layers of experts are multiplied by, and matrices of few bits.
// RUN: fathom-opt %s --fathom-raise-experts --split-input-file | FileCheck %s

// Numbers that the sum is multiplied by are of the routing; matrices are what their numbers stand for.
// CHECK-LABEL: func.func @main
// CHECK: %[[STACK:.*]] = onnx.node "Dequantize"
// CHECK: %[[GATE:.*]] = onnx.node "Slice" opset 23(%[[STACK]],
// CHECK: %[[Y:.*]] = onnx.node "Experts" of "fathom" opset 1(%arg0, %{{[0-9]+}}, %{{[0-9]+}}, %[[GATE]], %{{[0-9]+}}, %{{[0-9]+}}) {factor = 2.500000e+00 : f64
// CHECK: return %[[Y]]
func.func @main(%x: tensor<?x8xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">> {
  %router = onnx.get_initializer @router : tensor<8x4xf32>
  %stored = onnx.get_initializer @gate_up : tensor<4x4x4xui8>
  %scales = onnx.get_initializer @scales : tensor<4x4x2xf32>
  %gate_up = onnx.node "Dequantize" of "fathom" opset 1 (%stored, %scales) {bits = 4 : i64, block = array<i64: 1, 4>, zero = 8.0 : f32} : (tensor<4x4x4xui8>, tensor<4x4x2xf32>) -> tensor<4x4x8xf32>
  %down = onnx.get_initializer @down : tensor<4x8x2xf32>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %logits = onnx.node "MatMul" opset 18 (%x, %router) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x4xf32>) -> tensor<?x4xf32, #onnx.shape<"T">>
  %scores = onnx.node "Softmax" opset 18 (%logits) {axis = -1 : i64} : (tensor<?x4xf32, #onnx.shape<"T">>) -> tensor<?x4xf32, #onnx.shape<"T">>
  %best:2 = onnx.node "TopK" opset 18 (%scores, %two) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x4xf32, #onnx.shape<"T">>, tensor<1xi64>) -> (tensor<?x2xf32, #onnx.shape<"T">>, tensor<?x2xi64, #onnx.shape<"T">>)
  %places = onnx.extents <"T", "2", "1"> : tensor<3xi64>
  %column = onnx.extents <"T", "1", "8", "1"> : tensor<4xi64>
  %factors = onnx.extents <"T", "2", "1", "1"> : tensor<4xi64>
  %rows = onnx.extents <"T", "8"> : tensor<2xi64>
  %ids = onnx.node "Reshape" opset 18 (%best#1, %places) : (tensor<?x2xi64, #onnx.shape<"T">>, tensor<3xi64>) -> tensor<?x2x1xi64, #onnx.shape<"T">>
  %columns = onnx.node "Reshape" opset 18 (%x, %column) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<?x1x8x1xf32, #onnx.shape<"T">>
  %first = onnx.node "GatherND" opset 18 (%gate_up, %ids) : (tensor<4x4x8xf32>, tensor<?x2x1xi64, #onnx.shape<"T">>) -> tensor<?x2x4x8xf32, #onnx.shape<"T">>
  %product = onnx.node "MatMul" opset 18 (%first, %columns) : (tensor<?x2x4x8xf32, #onnx.shape<"T">>, tensor<?x1x8x1xf32, #onnx.shape<"T">>) -> tensor<?x2x4x1xf32, #onnx.shape<"T">>
  %gate = onnx.node "Slice" opset 18 (%product, %zero, %two, %two) : (tensor<?x2x4x1xf32, #onnx.shape<"T">>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #onnx.shape<"T">>
  %up = onnx.node "Slice" opset 18 (%product, %two, %four, %two) : (tensor<?x2x4x1xf32, #onnx.shape<"T">>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #onnx.shape<"T">>
  %hidden = onnx.node "SwiGlu" of "fathom" opset 1 (%gate, %up) : (tensor<?x2x2x1xf32, #onnx.shape<"T">>, tensor<?x2x2x1xf32, #onnx.shape<"T">>) -> tensor<?x2x2x1xf32, #onnx.shape<"T">>
  %last = onnx.node "GatherND" opset 18 (%down, %ids) : (tensor<4x8x2xf32>, tensor<?x2x1xi64, #onnx.shape<"T">>) -> tensor<?x2x8x2xf32, #onnx.shape<"T">>
  %each = onnx.node "MatMul" opset 18 (%last, %hidden) : (tensor<?x2x8x2xf32, #onnx.shape<"T">>, tensor<?x2x2x1xf32, #onnx.shape<"T">>) -> tensor<?x2x8x1xf32, #onnx.shape<"T">>
  %weights = onnx.node "Reshape" opset 18 (%best#0, %factors) : (tensor<?x2xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<?x2x1x1xf32, #onnx.shape<"T">>
  %weighted = onnx.node "Mul" opset 18 (%each, %weights) : (tensor<?x2x8x1xf32, #onnx.shape<"T">>, tensor<?x2x1x1xf32, #onnx.shape<"T">>) -> tensor<?x2x8x1xf32, #onnx.shape<"T">>
  %sum = onnx.node "ReduceSum" opset 18 (%weighted, %one) {keepdims = 0 : i64} : (tensor<?x2x8x1xf32, #onnx.shape<"T">>, tensor<1xi64>) -> tensor<?x8x1xf32, #onnx.shape<"T">>
  %y = onnx.node "Reshape" opset 18 (%sum, %rows) : (tensor<?x8x1xf32, #onnx.shape<"T">>, tensor<2xi64>) -> tensor<?x8xf32, #onnx.shape<"T">>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %five = onnx.constant dense<5.0> : tensor<1xf32>
  %half_y = onnx.node "Mul" opset 18 (%half, %y) : (tensor<f32>, tensor<?x8xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">>
  %z = onnx.node "Mul" opset 18 (%half_y, %five) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<1xf32>) -> tensor<?x8xf32, #onnx.shape<"T">>
  return %z : tensor<?x8xf32, #onnx.shape<"T">>
}
onnx.initializer @router : tensor<8x4xf32> file 0 offset 0
onnx.initializer @gate_up : tensor<4x4x4xui8> file 0 offset 0
onnx.initializer @scales : tensor<4x4x2xf32> file 0 offset 0
onnx.initializer @down : tensor<4x8x2xf32> file 0 offset 0

// -----

// Factors of routings are above 0.
// CHECK-LABEL: func.func @main
// CHECK: %[[Y:.*]] = onnx.node "Experts"{{.*}} {factor = 1.000000e+00 : f64
// CHECK: %[[Z:.*]] = onnx.node "Mul" opset 18(%[[Y]],
// CHECK: return %[[Z]]
func.func @main(%x: tensor<?x8xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">> {
  %router = onnx.get_initializer @router : tensor<8x4xf32>
  %gate_up = onnx.get_initializer @gate_up : tensor<4x4x8xf32>
  %down = onnx.get_initializer @down : tensor<4x8x2xf32>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %logits = onnx.node "MatMul" opset 18 (%x, %router) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x4xf32>) -> tensor<?x4xf32, #onnx.shape<"T">>
  %scores = onnx.node "Softmax" opset 18 (%logits) {axis = -1 : i64} : (tensor<?x4xf32, #onnx.shape<"T">>) -> tensor<?x4xf32, #onnx.shape<"T">>
  %best:2 = onnx.node "TopK" opset 18 (%scores, %two) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x4xf32, #onnx.shape<"T">>, tensor<1xi64>) -> (tensor<?x2xf32, #onnx.shape<"T">>, tensor<?x2xi64, #onnx.shape<"T">>)
  %places = onnx.extents <"T", "2", "1"> : tensor<3xi64>
  %column = onnx.extents <"T", "1", "8", "1"> : tensor<4xi64>
  %factors = onnx.extents <"T", "2", "1", "1"> : tensor<4xi64>
  %rows = onnx.extents <"T", "8"> : tensor<2xi64>
  %ids = onnx.node "Reshape" opset 18 (%best#1, %places) : (tensor<?x2xi64, #onnx.shape<"T">>, tensor<3xi64>) -> tensor<?x2x1xi64, #onnx.shape<"T">>
  %columns = onnx.node "Reshape" opset 18 (%x, %column) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<?x1x8x1xf32, #onnx.shape<"T">>
  %first = onnx.node "GatherND" opset 18 (%gate_up, %ids) : (tensor<4x4x8xf32>, tensor<?x2x1xi64, #onnx.shape<"T">>) -> tensor<?x2x4x8xf32, #onnx.shape<"T">>
  %product = onnx.node "MatMul" opset 18 (%first, %columns) : (tensor<?x2x4x8xf32, #onnx.shape<"T">>, tensor<?x1x8x1xf32, #onnx.shape<"T">>) -> tensor<?x2x4x1xf32, #onnx.shape<"T">>
  %gate = onnx.node "Slice" opset 18 (%product, %zero, %two, %two) : (tensor<?x2x4x1xf32, #onnx.shape<"T">>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #onnx.shape<"T">>
  %up = onnx.node "Slice" opset 18 (%product, %two, %four, %two) : (tensor<?x2x4x1xf32, #onnx.shape<"T">>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #onnx.shape<"T">>
  %hidden = onnx.node "SwiGlu" of "fathom" opset 1 (%gate, %up) : (tensor<?x2x2x1xf32, #onnx.shape<"T">>, tensor<?x2x2x1xf32, #onnx.shape<"T">>) -> tensor<?x2x2x1xf32, #onnx.shape<"T">>
  %last = onnx.node "GatherND" opset 18 (%down, %ids) : (tensor<4x8x2xf32>, tensor<?x2x1xi64, #onnx.shape<"T">>) -> tensor<?x2x8x2xf32, #onnx.shape<"T">>
  %each = onnx.node "MatMul" opset 18 (%last, %hidden) : (tensor<?x2x8x2xf32, #onnx.shape<"T">>, tensor<?x2x2x1xf32, #onnx.shape<"T">>) -> tensor<?x2x8x1xf32, #onnx.shape<"T">>
  %weights = onnx.node "Reshape" opset 18 (%best#0, %factors) : (tensor<?x2xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<?x2x1x1xf32, #onnx.shape<"T">>
  %weighted = onnx.node "Mul" opset 18 (%each, %weights) : (tensor<?x2x8x1xf32, #onnx.shape<"T">>, tensor<?x2x1x1xf32, #onnx.shape<"T">>) -> tensor<?x2x8x1xf32, #onnx.shape<"T">>
  %sum = onnx.node "ReduceSum" opset 18 (%weighted, %one) {keepdims = 0 : i64} : (tensor<?x2x8x1xf32, #onnx.shape<"T">>, tensor<1xi64>) -> tensor<?x8x1xf32, #onnx.shape<"T">>
  %y = onnx.node "Reshape" opset 18 (%sum, %rows) : (tensor<?x8x1xf32, #onnx.shape<"T">>, tensor<2xi64>) -> tensor<?x8xf32, #onnx.shape<"T">>
  %minus = onnx.constant dense<-1.0> : tensor<f32>
  %z = onnx.node "Mul" opset 18 (%y, %minus) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<f32>) -> tensor<?x8xf32, #onnx.shape<"T">>
  return %z : tensor<?x8xf32, #onnx.shape<"T">>
}
onnx.initializer @router : tensor<8x4xf32> file 0 offset 0
onnx.initializer @gate_up : tensor<4x4x8xf32> file 0 offset 0
onnx.initializer @down : tensor<4x8x2xf32> file 0 offset 0
