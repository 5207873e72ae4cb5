// onnxruntime's MoE, taken apart.
// RUN: fathom-opt %s --fathom-simplify-experts --split-input-file | FileCheck %s

// Gate and up in turns, weights that sum to 1.
// CHECK-LABEL: func.func @in_turns
// CHECK-SAME: (%[[X:.*]]: tensor<3x8xf32>, %[[ROUTER:.*]]: tensor<3x4xf32>, %[[FIRST:.*]]: tensor<4x4x8xf32>, %[[LAST:.*]]: tensor<4x8x2xf32>)
// CHECK: %[[BEST:.*]]:2 = onnx.node "TopK" opset 23(%[[ROUTER]],
// CHECK: %[[SCORES:.*]] = onnx.node "Softmax" opset 23(%[[ROUTER]]) {axis = -1 : i64}
// CHECK: %[[IDS:.*]] = onnx.node "Reshape" opset 23(%[[BEST]]#1,
// CHECK: %[[CHOSEN:.*]] = onnx.node "GatherElements" opset 23(%[[SCORES]], %[[BEST]]#1) {axis = 1 : i64}
// CHECK: %[[SUM:.*]] = onnx.node "ReduceSum" opset 23(%[[CHOSEN]],
// CHECK: %[[WEIGHTS:.*]] = onnx.node "Div" opset 23(%[[CHOSEN]], %[[SUM]])
// CHECK: %[[COLUMNS:.*]] = onnx.node "Reshape" opset 23(%[[X]],
// CHECK: onnx.node "GatherND" opset 23(%[[FIRST]], %[[IDS]])
// Along axis 2, and 2 apart.
// CHECK: onnx.node "Slice" opset 23(%{{[0-9]+}}, %{{[0-9]+}}, %{{[0-9]+}}, %[[TWO:[0-9]+]], %[[TWO]]) : {{.*}} -> tensor<3x2x2x1xf32>
// CHECK: onnx.node "Sigmoid"
// CHECK: onnx.node "GatherND" opset 23(%[[LAST]], %[[IDS]])
// CHECK: onnx.node "Reshape" opset 23(%[[WEIGHTS]],
// CHECK: return %{{[0-9]+}} : tensor<3x8xf32>
func.func @in_turns(%x: tensor<3x8xf32>, %router: tensor<3x4xf32>, %first: tensor<4x4x8xf32>, %last: tensor<4x8x2xf32>) -> tensor<3x8xf32> {
  %none = onnx.none
  %y = onnx.node "MoE" of "com.microsoft" opset 1 (%x, %router, %first, %none, %last) {activation_type = "swiglu", k = 2 : i64, normalize_routing_weights = 1 : i64, swiglu_fusion = 1 : i64} : (tensor<3x8xf32>, tensor<3x4xf32>, tensor<4x4x8xf32>, none, tensor<4x8x2xf32>) -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}

// -----

// Gate and up apart, as two layers.
// CHECK-LABEL: func.func @apart
// CHECK-SAME: %[[GATE:[^ ]*]]: tensor<4x2x8xf32>, %[[DOWN:[^ ]*]]: tensor<4x8x2xf32>, %[[UP:[^ ]*]]: tensor<4x2x8xf32>
// CHECK: onnx.node "GatherND" opset 23(%[[GATE]],
// CHECK: onnx.node "GatherND" opset 23(%[[UP]],
// CHECK: onnx.node "GatherND" opset 23(%[[DOWN]],
func.func @apart(%x: tensor<3x8xf32>, %router: tensor<3x4xf32>, %gate: tensor<4x2x8xf32>, %down: tensor<4x8x2xf32>, %up: tensor<4x2x8xf32>) -> tensor<3x8xf32> {
  %none = onnx.none
  %y = onnx.node "MoE" of "com.microsoft" opset 1 (%x, %router, %gate, %none, %down, %none, %up) {activation_type = "silu", k = 2 : i64} : (tensor<3x8xf32>, tensor<3x4xf32>, tensor<4x2x8xf32>, none, tensor<4x8x2xf32>, none, tensor<4x2x8xf32>) -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}

// -----

// Other activations, biases, and layers of which it is not said how they are one, stay.
// CHECK-LABEL: func.func @others
// CHECK-COUNT-3: onnx.node "MoE"
func.func @others(%x: tensor<3x8xf32>, %router: tensor<3x4xf32>, %first: tensor<4x2x8xf32>, %bias: tensor<4x2xf32>, %last: tensor<4x8x2xf32>, %both: tensor<4x4x8xf32>) -> (tensor<3x8xf32>, tensor<3x8xf32>, tensor<3x8xf32>) {
  %none = onnx.none
  %relu = onnx.node "MoE" of "com.microsoft" opset 1 (%x, %router, %first, %none, %last) {k = 2 : i64} : (tensor<3x8xf32>, tensor<3x4xf32>, tensor<4x2x8xf32>, none, tensor<4x8x2xf32>) -> tensor<3x8xf32>
  %biased = onnx.node "MoE" of "com.microsoft" opset 1 (%x, %router, %first, %bias, %last, %none, %first) {activation_type = "silu", k = 2 : i64} : (tensor<3x8xf32>, tensor<3x4xf32>, tensor<4x2x8xf32>, tensor<4x2xf32>, tensor<4x8x2xf32>, none, tensor<4x2x8xf32>) -> tensor<3x8xf32>
  %unfused = onnx.node "MoE" of "com.microsoft" opset 1 (%x, %router, %both, %none, %last) {activation_type = "swiglu", k = 2 : i64} : (tensor<3x8xf32>, tensor<3x4xf32>, tensor<4x4x8xf32>, none, tensor<4x8x2xf32>) -> tensor<3x8xf32>
  return %relu, %biased, %unfused : tensor<3x8xf32>, tensor<3x8xf32>, tensor<3x8xf32>
}
