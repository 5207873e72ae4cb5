// More experts than can be told from each other in seconds.
// RUN: fathom-opt %s --fathom-raise-experts | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK-NOT: "Experts"
func.func @main(%x: tensor<?x513xf32, #onnx.shape<"T">>) -> tensor<?x513xf32, #onnx.shape<"T">> {
  %router = onnx.get_initializer @router : tensor<513x513xf32>
  %gate_up = onnx.get_initializer @gate_up : tensor<513x4x513xf32>
  %down = onnx.get_initializer @down : tensor<513x513x2xf32>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %logits = onnx.node "MatMul" opset 18 (%x, %router) : (tensor<?x513xf32, #onnx.shape<"T">>, tensor<513x513xf32>) -> tensor<?x513xf32, #onnx.shape<"T">>
  %scores = onnx.node "Softmax" opset 18 (%logits) {axis = -1 : i64} : (tensor<?x513xf32, #onnx.shape<"T">>) -> tensor<?x513xf32, #onnx.shape<"T">>
  %best:2 = onnx.node "TopK" opset 18 (%scores, %two) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x513xf32, #onnx.shape<"T">>, tensor<1xi64>) -> (tensor<?x2xf32, #onnx.shape<"T">>, tensor<?x2xi64, #onnx.shape<"T">>)
  %places = onnx.extents <"T", "2", "1"> : tensor<3xi64>
  %column = onnx.extents <"T", "1", "513", "1"> : tensor<4xi64>
  %factors = onnx.extents <"T", "2", "1", "1"> : tensor<4xi64>
  %rows = onnx.extents <"T", "513"> : tensor<2xi64>
  %ids = onnx.node "Reshape" opset 18 (%best#1, %places) : (tensor<?x2xi64, #onnx.shape<"T">>, tensor<3xi64>) -> tensor<?x2x1xi64, #onnx.shape<"T">>
  %columns = onnx.node "Reshape" opset 18 (%x, %column) : (tensor<?x513xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<?x1x513x1xf32, #onnx.shape<"T">>
  %first = onnx.node "GatherND" opset 18 (%gate_up, %ids) : (tensor<513x4x513xf32>, tensor<?x2x1xi64, #onnx.shape<"T">>) -> tensor<?x2x4x513xf32, #onnx.shape<"T">>
  %product = onnx.node "MatMul" opset 18 (%first, %columns) : (tensor<?x2x4x513xf32, #onnx.shape<"T">>, tensor<?x1x513x1xf32, #onnx.shape<"T">>) -> tensor<?x2x4x1xf32, #onnx.shape<"T">>
  %gate = onnx.node "Slice" opset 18 (%product, %zero, %two, %two) : (tensor<?x2x4x1xf32, #onnx.shape<"T">>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #onnx.shape<"T">>
  %up = onnx.node "Slice" opset 18 (%product, %two, %four, %two) : (tensor<?x2x4x1xf32, #onnx.shape<"T">>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x2x1xf32, #onnx.shape<"T">>
  %hidden = onnx.node "SwiGlu" of "fathom" opset 1 (%gate, %up) : (tensor<?x2x2x1xf32, #onnx.shape<"T">>, tensor<?x2x2x1xf32, #onnx.shape<"T">>) -> tensor<?x2x2x1xf32, #onnx.shape<"T">>
  %last = onnx.node "GatherND" opset 18 (%down, %ids) : (tensor<513x513x2xf32>, tensor<?x2x1xi64, #onnx.shape<"T">>) -> tensor<?x2x513x2xf32, #onnx.shape<"T">>
  %each = onnx.node "MatMul" opset 18 (%last, %hidden) : (tensor<?x2x513x2xf32, #onnx.shape<"T">>, tensor<?x2x2x1xf32, #onnx.shape<"T">>) -> tensor<?x2x513x1xf32, #onnx.shape<"T">>
  %weights = onnx.node "Reshape" opset 18 (%best#0, %factors) : (tensor<?x2xf32, #onnx.shape<"T">>, tensor<4xi64>) -> tensor<?x2x1x1xf32, #onnx.shape<"T">>
  %weighted = onnx.node "Mul" opset 18 (%each, %weights) : (tensor<?x2x513x1xf32, #onnx.shape<"T">>, tensor<?x2x1x1xf32, #onnx.shape<"T">>) -> tensor<?x2x513x1xf32, #onnx.shape<"T">>
  %sum = onnx.node "ReduceSum" opset 18 (%weighted, %one) {keepdims = 0 : i64} : (tensor<?x2x513x1xf32, #onnx.shape<"T">>, tensor<1xi64>) -> tensor<?x513x1xf32, #onnx.shape<"T">>
  %y = onnx.node "Reshape" opset 18 (%sum, %rows) : (tensor<?x513x1xf32, #onnx.shape<"T">>, tensor<2xi64>) -> tensor<?x513xf32, #onnx.shape<"T">>
  return %y : tensor<?x513xf32, #onnx.shape<"T">>
}
onnx.initializer @router : tensor<513x513xf32> file 0 offset 0
onnx.initializer @gate_up : tensor<513x4x513xf32> file 0 offset 0
onnx.initializer @down : tensor<513x513x2xf32> file 0 offset 0
