// Layers of routed experts, found by evaluating them; and layers that only look like one.
// RUN: fathom-opt %s --fathom-raise-experts --split-input-file | FileCheck %s

// Matrices gathered for each token and choice, with gate and up in one.
// CHECK-LABEL: func.func @main
// CHECK: %[[LOGITS:.*]] = onnx.node "MatMul" opset 18(%arg0,
// CHECK: %[[BIAS:.*]] = onnx.none
// CHECK: %[[GATE:.*]] = onnx.node "Slice"{{.*}} -> tensor<4x2x8xf32>
// CHECK: %[[UP:.*]] = onnx.node "Slice"{{.*}} -> tensor<4x2x8xf32>
// CHECK: %[[Y:.*]] = onnx.node "Experts" of "fathom" opset 1(%arg0, %[[LOGITS]], %[[BIAS]], %[[GATE]], %[[UP]], %{{[0-9]+}})
// CHECK-SAME: {factor = 1.000000e+00 : f64, group_rule = "none", groups = 1 : i64, normalize = 0 : i64, scoring = "softmax", top_groups = 1 : i64, top_k = 2 : i64}
// CHECK: return %[[Y]]
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
  return %y : tensor<?x8xf32, #onnx.shape<"T">>
}
onnx.initializer @router : tensor<8x4xf32> file 0 offset 0
onnx.initializer @gate_up : tensor<4x4x8xf32> file 0 offset 0
onnx.initializer @down : tensor<4x8x2xf32> file 0 offset 0

// -----

// The worst of them.
// CHECK-LABEL: func.func @main
// CHECK-NOT: "Experts"
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
  %best:2 = onnx.node "TopK" opset 18 (%scores, %two) {axis = -1 : i64, largest = 0 : i64} : (tensor<?x4xf32, #onnx.shape<"T">>, tensor<1xi64>) -> (tensor<?x2xf32, #onnx.shape<"T">>, tensor<?x2xi64, #onnx.shape<"T">>)
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
  return %y : tensor<?x8xf32, #onnx.shape<"T">>
}
onnx.initializer @router : tensor<8x4xf32> file 0 offset 0
onnx.initializer @gate_up : tensor<4x4x8xf32> file 0 offset 0
onnx.initializer @down : tensor<4x8x2xf32> file 0 offset 0

// -----

// Matrices that lie apart, those of the second expert first.
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[A:.*]] = onnx.get_initializer @a_gate
// CHECK-DAG: %[[B:.*]] = onnx.get_initializer @b_gate
// CHECK-DAG: %[[FIRST:.*]] = onnx.node "Reshape" opset 23(%[[A]],
// CHECK-DAG: %[[SECOND:.*]] = onnx.node "Reshape" opset 23(%[[B]],
// CHECK: %[[STACK:.*]] = onnx.node "Concat" opset 23(%[[FIRST]], %[[SECOND]]) {axis = 0 : i64}
// CHECK: %[[GATE:.*]] = onnx.node "Transpose" opset 23(%[[STACK]]) {perm = array<i64: 0, 2, 1>}
// CHECK: onnx.node "Experts" of "fathom" opset 1(%arg0, %{{[0-9]+}}, %{{[0-9]+}}, %[[GATE]], %{{[0-9]+}}, %{{[0-9]+}}) {{.*}}scoring = "sigmoid"{{.*}}top_k = 1 : i64}
func.func @main(%x: tensor<?x8xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">> {
  %router = onnx.get_initializer @router : tensor<8x2xf32>
  %b_gate = onnx.get_initializer @b_gate : tensor<8x3xf32>
  %b_up = onnx.get_initializer @b_up : tensor<8x3xf32>
  %b_down = onnx.get_initializer @b_down : tensor<3x8xf32>
  %a_gate = onnx.get_initializer @a_gate : tensor<8x3xf32>
  %a_up = onnx.get_initializer @a_up : tensor<8x3xf32>
  %a_down = onnx.get_initializer @a_down : tensor<3x8xf32>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %k = onnx.constant dense<1> : tensor<1xi64>
  %logits = onnx.node "MatMul" opset 18 (%x, %router) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x2xf32>) -> tensor<?x2xf32, #onnx.shape<"T">>
  %scores = onnx.node "Sigmoid" opset 18 (%logits) : (tensor<?x2xf32, #onnx.shape<"T">>) -> tensor<?x2xf32, #onnx.shape<"T">>
  %best:2 = onnx.node "TopK" opset 18 (%scores, %k) : (tensor<?x2xf32, #onnx.shape<"T">>, tensor<1xi64>) -> (tensor<?x1xf32, #onnx.shape<"T">>, tensor<?x1xi64, #onnx.shape<"T">>)
  %b_chosen = onnx.node "Equal" opset 18 (%best#1, %one) : (tensor<?x1xi64, #onnx.shape<"T">>, tensor<i64>) -> tensor<?x1xi1, #onnx.shape<"T">>
  %b_one = onnx.node "Cast" opset 18 (%b_chosen) {to = 1 : i64} : (tensor<?x1xi1, #onnx.shape<"T">>) -> tensor<?x1xf32, #onnx.shape<"T">>
  %b_weight = onnx.node "Mul" opset 18 (%best#0, %b_one) : (tensor<?x1xf32, #onnx.shape<"T">>, tensor<?x1xf32, #onnx.shape<"T">>) -> tensor<?x1xf32, #onnx.shape<"T">>
  %b_gates = onnx.node "MatMul" opset 18 (%x, %b_gate) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x3xf32>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %b_ups = onnx.node "MatMul" opset 18 (%x, %b_up) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x3xf32>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %b_hidden = onnx.node "SwiGlu" of "fathom" opset 1 (%b_gates, %b_ups) : (tensor<?x3xf32, #onnx.shape<"T">>, tensor<?x3xf32, #onnx.shape<"T">>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %b_each = onnx.node "MatMul" opset 18 (%b_hidden, %b_down) : (tensor<?x3xf32, #onnx.shape<"T">>, tensor<3x8xf32>) -> tensor<?x8xf32, #onnx.shape<"T">>
  %b_part = onnx.node "Mul" opset 18 (%b_each, %b_weight) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<?x1xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">>
  %a_chosen = onnx.node "Equal" opset 18 (%best#1, %zero) : (tensor<?x1xi64, #onnx.shape<"T">>, tensor<i64>) -> tensor<?x1xi1, #onnx.shape<"T">>
  %a_one = onnx.node "Cast" opset 18 (%a_chosen) {to = 1 : i64} : (tensor<?x1xi1, #onnx.shape<"T">>) -> tensor<?x1xf32, #onnx.shape<"T">>
  %a_weight = onnx.node "Mul" opset 18 (%best#0, %a_one) : (tensor<?x1xf32, #onnx.shape<"T">>, tensor<?x1xf32, #onnx.shape<"T">>) -> tensor<?x1xf32, #onnx.shape<"T">>
  %a_gates = onnx.node "MatMul" opset 18 (%x, %a_gate) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x3xf32>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %a_ups = onnx.node "MatMul" opset 18 (%x, %a_up) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x3xf32>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %a_hidden = onnx.node "SwiGlu" of "fathom" opset 1 (%a_gates, %a_ups) : (tensor<?x3xf32, #onnx.shape<"T">>, tensor<?x3xf32, #onnx.shape<"T">>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %a_each = onnx.node "MatMul" opset 18 (%a_hidden, %a_down) : (tensor<?x3xf32, #onnx.shape<"T">>, tensor<3x8xf32>) -> tensor<?x8xf32, #onnx.shape<"T">>
  %a_part = onnx.node "Mul" opset 18 (%a_each, %a_weight) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<?x1xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">>
  %y = onnx.node "Add" opset 18 (%b_part, %a_part) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<?x8xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">>
  return %y : tensor<?x8xf32, #onnx.shape<"T">>
}
onnx.initializer @router : tensor<8x2xf32> file 0 offset 0
onnx.initializer @b_gate : tensor<8x3xf32> file 0 offset 0
onnx.initializer @b_up : tensor<8x3xf32> file 0 offset 0
onnx.initializer @b_down : tensor<3x8xf32> file 0 offset 0
onnx.initializer @a_gate : tensor<8x3xf32> file 0 offset 0
onnx.initializer @a_up : tensor<8x3xf32> file 0 offset 0
onnx.initializer @a_down : tensor<3x8xf32> file 0 offset 0

// -----

// What the first expert gives has the weight of the second.
// CHECK-LABEL: func.func @main
// CHECK-NOT: "Experts"
func.func @main(%x: tensor<?x8xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">> {
  %router = onnx.get_initializer @router : tensor<8x2xf32>
  %b_gate = onnx.get_initializer @b_gate : tensor<8x3xf32>
  %b_up = onnx.get_initializer @b_up : tensor<8x3xf32>
  %b_down = onnx.get_initializer @b_down : tensor<3x8xf32>
  %a_gate = onnx.get_initializer @a_gate : tensor<8x3xf32>
  %a_up = onnx.get_initializer @a_up : tensor<8x3xf32>
  %a_down = onnx.get_initializer @a_down : tensor<3x8xf32>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %k = onnx.constant dense<1> : tensor<1xi64>
  %logits = onnx.node "MatMul" opset 18 (%x, %router) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x2xf32>) -> tensor<?x2xf32, #onnx.shape<"T">>
  %scores = onnx.node "Sigmoid" opset 18 (%logits) : (tensor<?x2xf32, #onnx.shape<"T">>) -> tensor<?x2xf32, #onnx.shape<"T">>
  %best:2 = onnx.node "TopK" opset 18 (%scores, %k) : (tensor<?x2xf32, #onnx.shape<"T">>, tensor<1xi64>) -> (tensor<?x1xf32, #onnx.shape<"T">>, tensor<?x1xi64, #onnx.shape<"T">>)
  %b_chosen = onnx.node "Equal" opset 18 (%best#1, %one) : (tensor<?x1xi64, #onnx.shape<"T">>, tensor<i64>) -> tensor<?x1xi1, #onnx.shape<"T">>
  %b_one = onnx.node "Cast" opset 18 (%b_chosen) {to = 1 : i64} : (tensor<?x1xi1, #onnx.shape<"T">>) -> tensor<?x1xf32, #onnx.shape<"T">>
  %b_weight = onnx.node "Mul" opset 18 (%best#0, %b_one) : (tensor<?x1xf32, #onnx.shape<"T">>, tensor<?x1xf32, #onnx.shape<"T">>) -> tensor<?x1xf32, #onnx.shape<"T">>
  %b_gates = onnx.node "MatMul" opset 18 (%x, %b_gate) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x3xf32>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %b_ups = onnx.node "MatMul" opset 18 (%x, %b_up) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x3xf32>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %b_hidden = onnx.node "SwiGlu" of "fathom" opset 1 (%b_gates, %b_ups) : (tensor<?x3xf32, #onnx.shape<"T">>, tensor<?x3xf32, #onnx.shape<"T">>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %b_each = onnx.node "MatMul" opset 18 (%b_hidden, %b_down) : (tensor<?x3xf32, #onnx.shape<"T">>, tensor<3x8xf32>) -> tensor<?x8xf32, #onnx.shape<"T">>
  %b_part = onnx.node "Mul" opset 18 (%b_each, %b_weight) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<?x1xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">>
  %a_chosen = onnx.node "Equal" opset 18 (%best#1, %zero) : (tensor<?x1xi64, #onnx.shape<"T">>, tensor<i64>) -> tensor<?x1xi1, #onnx.shape<"T">>
  %a_one = onnx.node "Cast" opset 18 (%a_chosen) {to = 1 : i64} : (tensor<?x1xi1, #onnx.shape<"T">>) -> tensor<?x1xf32, #onnx.shape<"T">>
  %a_weight = onnx.node "Mul" opset 18 (%best#0, %a_one) : (tensor<?x1xf32, #onnx.shape<"T">>, tensor<?x1xf32, #onnx.shape<"T">>) -> tensor<?x1xf32, #onnx.shape<"T">>
  %a_gates = onnx.node "MatMul" opset 18 (%x, %a_gate) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x3xf32>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %a_ups = onnx.node "MatMul" opset 18 (%x, %a_up) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x3xf32>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %a_hidden = onnx.node "SwiGlu" of "fathom" opset 1 (%a_gates, %a_ups) : (tensor<?x3xf32, #onnx.shape<"T">>, tensor<?x3xf32, #onnx.shape<"T">>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %a_each = onnx.node "MatMul" opset 18 (%a_hidden, %a_down) : (tensor<?x3xf32, #onnx.shape<"T">>, tensor<3x8xf32>) -> tensor<?x8xf32, #onnx.shape<"T">>
  %a_part = onnx.node "Mul" opset 18 (%a_each, %b_weight) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<?x1xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">>
  %y = onnx.node "Add" opset 18 (%b_part, %a_part) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<?x8xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">>
  return %y : tensor<?x8xf32, #onnx.shape<"T">>
}
onnx.initializer @router : tensor<8x2xf32> file 0 offset 0
onnx.initializer @b_gate : tensor<8x3xf32> file 0 offset 0
onnx.initializer @b_up : tensor<8x3xf32> file 0 offset 0
onnx.initializer @b_down : tensor<3x8xf32> file 0 offset 0
onnx.initializer @a_gate : tensor<8x3xf32> file 0 offset 0
onnx.initializer @a_up : tensor<8x3xf32> file 0 offset 0
onnx.initializer @a_down : tensor<3x8xf32> file 0 offset 0

// -----

// A slice from before the first element begins with the first.
// CHECK-LABEL: func.func @main
// CHECK: %[[BEGIN:.*]] = onnx.constant dense<0> : tensor<1xi64>
// CHECK: %[[GATE:.*]] = onnx.node "Slice" opset 23(%{{[0-9]+}}, %[[BEGIN]],
// CHECK: onnx.node "Experts" of "fathom" opset 1(%arg0, %{{[0-9]+}}, %{{[0-9]+}}, %[[GATE]],
func.func @main(%x: tensor<?x8xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">> {
  %router = onnx.get_initializer @router : tensor<8x4xf32>
  %gate_up = onnx.get_initializer @gate_up : tensor<4x4x8xf32>
  %down = onnx.get_initializer @down : tensor<4x8x2xf32>
  %zero = onnx.constant dense<-100> : tensor<1xi64>
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
  return %y : tensor<?x8xf32, #onnx.shape<"T">>
}
onnx.initializer @router : tensor<8x4xf32> file 0 offset 0
onnx.initializer @gate_up : tensor<4x4x8xf32> file 0 offset 0
onnx.initializer @down : tensor<4x8x2xf32> file 0 offset 0

// -----

// Of no rows nothing can be found out.
// CHECK-LABEL: func.func @main
// CHECK-NOT: "Experts"
func.func @main(%x: tensor<0x8xf32>) -> tensor<0x8xf32> {
  %router = onnx.get_initializer @router : tensor<8x2xf32>
  %b_gate = onnx.get_initializer @b_gate : tensor<8x3xf32>
  %b_up = onnx.get_initializer @b_up : tensor<8x3xf32>
  %b_down = onnx.get_initializer @b_down : tensor<3x8xf32>
  %a_gate = onnx.get_initializer @a_gate : tensor<8x3xf32>
  %a_up = onnx.get_initializer @a_up : tensor<8x3xf32>
  %a_down = onnx.get_initializer @a_down : tensor<3x8xf32>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %k = onnx.constant dense<1> : tensor<1xi64>
  %logits = onnx.node "MatMul" opset 18 (%x, %router) : (tensor<0x8xf32>, tensor<8x2xf32>) -> tensor<0x2xf32>
  %scores = onnx.node "Sigmoid" opset 18 (%logits) : (tensor<0x2xf32>) -> tensor<0x2xf32>
  %best:2 = onnx.node "TopK" opset 18 (%scores, %k) : (tensor<0x2xf32>, tensor<1xi64>) -> (tensor<0x1xf32>, tensor<0x1xi64>)
  %b_chosen = onnx.node "Equal" opset 18 (%best#1, %one) : (tensor<0x1xi64>, tensor<i64>) -> tensor<0x1xi1>
  %b_one = onnx.node "Cast" opset 18 (%b_chosen) {to = 1 : i64} : (tensor<0x1xi1>) -> tensor<0x1xf32>
  %b_weight = onnx.node "Mul" opset 18 (%best#0, %b_one) : (tensor<0x1xf32>, tensor<0x1xf32>) -> tensor<0x1xf32>
  %b_gates = onnx.node "MatMul" opset 18 (%x, %b_gate) : (tensor<0x8xf32>, tensor<8x3xf32>) -> tensor<0x3xf32>
  %b_ups = onnx.node "MatMul" opset 18 (%x, %b_up) : (tensor<0x8xf32>, tensor<8x3xf32>) -> tensor<0x3xf32>
  %b_hidden = onnx.node "SwiGlu" of "fathom" opset 1 (%b_gates, %b_ups) : (tensor<0x3xf32>, tensor<0x3xf32>) -> tensor<0x3xf32>
  %b_each = onnx.node "MatMul" opset 18 (%b_hidden, %b_down) : (tensor<0x3xf32>, tensor<3x8xf32>) -> tensor<0x8xf32>
  %b_part = onnx.node "Mul" opset 18 (%b_each, %b_weight) : (tensor<0x8xf32>, tensor<0x1xf32>) -> tensor<0x8xf32>
  %a_chosen = onnx.node "Equal" opset 18 (%best#1, %zero) : (tensor<0x1xi64>, tensor<i64>) -> tensor<0x1xi1>
  %a_one = onnx.node "Cast" opset 18 (%a_chosen) {to = 1 : i64} : (tensor<0x1xi1>) -> tensor<0x1xf32>
  %a_weight = onnx.node "Mul" opset 18 (%best#0, %a_one) : (tensor<0x1xf32>, tensor<0x1xf32>) -> tensor<0x1xf32>
  %a_gates = onnx.node "MatMul" opset 18 (%x, %a_gate) : (tensor<0x8xf32>, tensor<8x3xf32>) -> tensor<0x3xf32>
  %a_ups = onnx.node "MatMul" opset 18 (%x, %a_up) : (tensor<0x8xf32>, tensor<8x3xf32>) -> tensor<0x3xf32>
  %a_hidden = onnx.node "SwiGlu" of "fathom" opset 1 (%a_gates, %a_ups) : (tensor<0x3xf32>, tensor<0x3xf32>) -> tensor<0x3xf32>
  %a_each = onnx.node "MatMul" opset 18 (%a_hidden, %a_down) : (tensor<0x3xf32>, tensor<3x8xf32>) -> tensor<0x8xf32>
  %a_part = onnx.node "Mul" opset 18 (%a_each, %a_weight) : (tensor<0x8xf32>, tensor<0x1xf32>) -> tensor<0x8xf32>
  %y = onnx.node "Add" opset 18 (%b_part, %a_part) : (tensor<0x8xf32>, tensor<0x8xf32>) -> tensor<0x8xf32>
  return %y : tensor<0x8xf32>
}
onnx.initializer @router : tensor<8x2xf32> file 0 offset 0
onnx.initializer @b_gate : tensor<8x3xf32> file 0 offset 0
onnx.initializer @b_up : tensor<8x3xf32> file 0 offset 0
onnx.initializer @b_down : tensor<3x8xf32> file 0 offset 0
onnx.initializer @a_gate : tensor<8x3xf32> file 0 offset 0
onnx.initializer @a_up : tensor<8x3xf32> file 0 offset 0
onnx.initializer @a_down : tensor<3x8xf32> file 0 offset 0
