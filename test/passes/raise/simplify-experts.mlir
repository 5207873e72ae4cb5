// onnxruntime's MoE and QMoE, taken apart.
// RUN: fathom-opt %s --verify-numerics-each --fathom-simplify-experts --split-input-file | FileCheck %s

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

// -----

// Numbers of four bits become what they stand for; weights that are given count for what is chosen by the scores.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<3x4xf32>, %[[ROUTER:.*]]: tensor<3x3xf32>, %[[GIVEN:.*]]: tensor<3x3xf32>
// CHECK: %[[FIRST:.*]] = onnx.node "Dequantize" of "fathom" opset 1(%{{.*}}, %{{.*}}) {bits = 4 : i64, block = array<i64: 1, 2>, zero = 8.000000e+00 : f32} : (tensor<3x4x2xui8>, tensor<3x4x2xf32>) -> tensor<3x4x4xf32>
// CHECK: %[[LAST:.*]] = onnx.node "Dequantize" of "fathom" opset 1(%{{.*}}, %{{.*}}, %{{.*}}) {bits = 4 : i64, block = array<i64: 1, 2>} : (tensor<3x4x1xui8>, tensor<3x4x1xf32>, tensor<3x4x1xui8>) -> tensor<3x4x2xf32>
// CHECK: %[[BEST:.*]]:2 = onnx.node "TopK" opset 23(%[[ROUTER]],
// CHECK: onnx.node "GatherElements" opset 23(%[[GIVEN]], %[[BEST]]#1)
// CHECK: onnx.node "GatherND" opset 23(%[[FIRST]],
// CHECK: onnx.node "GatherND" opset 23(%[[LAST]],
func.func @main(%x: tensor<3x4xf32>, %router: tensor<3x3xf32>, %given: tensor<3x3xf32>) -> tensor<3x4xf32> {
  %none = onnx.none
  %first = onnx.constant dense<[[[18, 69], [103, 137], [171, 205], [239, 1]], [[35, 69], [99, 137], [161, 205], [219, 17]], [[250, 3], [7, 9], [88, 31], [140, 77]]]> : tensor<3x4x2xui8>
  %first_scales = onnx.constant dense<[[[0.5, 0.25], [1.0, 0.75], [0.5, 1.5], [0.25, 0.5]], [[1.0, 0.5], [0.25, 0.5], [0.75, 1.0], [0.5, 0.25]], [[0.5, 1.0], [1.0, 0.5], [0.25, 0.25], [0.75, 0.5]]]> : tensor<3x4x2xf32>
  %last = onnx.constant dense<[[[18], [103], [171], [239]], [[35], [99], [161], [219]], [[250], [7], [88], [140]]]> : tensor<3x4x1xui8>
  %last_scales = onnx.constant dense<[[[0.5], [1.0], [0.25], [0.75]], [[1.0], [0.5], [0.75], [0.25]], [[0.5], [0.25], [1.0], [0.5]]]> : tensor<3x4x1xf32>
  %last_zeros = onnx.constant dense<[[[7], [8], [9], [6]], [[5], [8], [7], [8]], [[8], [9], [10], [8]]]> : tensor<3x4x1xui8>
  %y = onnx.node "QMoE" of "com.microsoft" opset 1 (%x, %router, %first, %first_scales, %none, %last, %last_scales, %none, %none, %none, %none, %none, %last_zeros, %none, %given) {activation_type = "swiglu", block_size = 2 : i64, expert_weight_bits = 4 : i64, k = 2 : i64, normalize_routing_weights = 1 : i64, swiglu_fusion = 2 : i64} : (tensor<3x4xf32>, tensor<3x3xf32>, tensor<3x4x2xui8>, tensor<3x4x2xf32>, none, tensor<3x4x1xui8>, tensor<3x4x1xf32>, none, none, none, none, none, tensor<3x4x1xui8>, none, tensor<3x3xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// -----

// Weights that are not constant, numbers of other bits, and layers that do not fit each other.
// CHECK-LABEL: func.func @main
// CHECK-NOT: "Dequantize"
// CHECK-COUNT-3: onnx.node "QMoE"
func.func @main(%x: tensor<3x4xf32>, %router: tensor<3x3xf32>, %given: tensor<3x4x2xui8>) -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) {
  %none = onnx.none
  %first = onnx.constant dense<18> : tensor<3x4x2xui8>
  %first_scales = onnx.constant dense<0.5> : tensor<3x4x2xf32>
  %last = onnx.constant dense<20> : tensor<3x4x1xui8>
  %last_scales = onnx.constant dense<0.5> : tensor<3x4x1xf32>
  %a = onnx.node "QMoE" of "com.microsoft" opset 1 (%x, %router, %given, %first_scales, %none, %last, %last_scales) {activation_type = "swiglu", block_size = 2 : i64, swiglu_fusion = 2 : i64} : (tensor<3x4xf32>, tensor<3x3xf32>, tensor<3x4x2xui8>, tensor<3x4x2xf32>, none, tensor<3x4x1xui8>, tensor<3x4x1xf32>) -> tensor<3x4xf32>
  %b = onnx.node "QMoE" of "com.microsoft" opset 1 (%x, %router, %first, %first_scales, %none, %last, %last_scales) {activation_type = "swiglu", block_size = 2 : i64, expert_weight_bits = 3 : i64, swiglu_fusion = 2 : i64} : (tensor<3x4xf32>, tensor<3x3xf32>, tensor<3x4x2xui8>, tensor<3x4x2xf32>, none, tensor<3x4x1xui8>, tensor<3x4x1xf32>) -> tensor<3x4xf32>
  %c = onnx.node "QMoE" of "com.microsoft" opset 1 (%x, %router, %first, %first_scales, %none, %first, %first_scales) {activation_type = "swiglu", block_size = 2 : i64, swiglu_fusion = 2 : i64} : (tensor<3x4xf32>, tensor<3x3xf32>, tensor<3x4x2xui8>, tensor<3x4x2xf32>, none, tensor<3x4x2xui8>, tensor<3x4x2xf32>) -> tensor<3x4xf32>
  return %a, %b, %c : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>
}
