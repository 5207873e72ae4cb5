// Caches of a fixed length end with the tokens so far where that is what attention makes of them.
// RUN: fathom-opt %s --fathom-raise-fixed-caches --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: %arg3: tensor<1x?x4xf32, #onnx.shape<"fathom.past">>, %arg4: tensor<1x?x4xf32, #onnx.shape<"fathom.past">>
// CHECK: %[[A:.*]] = onnx.node "Concat" opset 23(%arg3, %arg1) {axis = 1 : i64} {{.*}} -> tensor<1x?x4xf32, #onnx.shape<"fathom.past + T">>
// CHECK: %[[B:.*]] = onnx.node "Concat" opset 23(%arg4, %arg2)
// CHECK: onnx.node "CausalAttention" of "fathom" {{.*}} {scale = 5.000000e-01 : f32} : (tensor<1x2x?x4xf32, #onnx.shape<"T">>, tensor<1x1x?x4xf32, #onnx.shape<"fathom.past + T">>,
// CHECK: return %{{.*}}, %[[A]], %[[B]]
func.func @main(%x: tensor<1x?x8xf32, #onnx.shape<"T">>, %k: tensor<1x?x4xf32, #onnx.shape<"T">>, %v: tensor<1x?x4xf32, #onnx.shape<"T">>, %keys: tensor<1x16x4xf32>, %values: tensor<1x16x4xf32>, %begin: tensor<1xi64>, %count: tensor<1xi64>) -> (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x16x4xf32>, tensor<1x16x4xf32>) {
  %none = onnx.none
  %a = onnx.node "TensorScatter" opset 24 (%keys, %k, %begin) {axis = 1 : i64} : (tensor<1x16x4xf32>, tensor<1x?x4xf32, #onnx.shape<"T">>, tensor<1xi64>) -> tensor<1x16x4xf32>
  %b = onnx.node "TensorScatter" opset 24 (%values, %v, %begin) {axis = 1 : i64} : (tensor<1x16x4xf32>, tensor<1x?x4xf32, #onnx.shape<"T">>, tensor<1xi64>) -> tensor<1x16x4xf32>
  %y = onnx.node "Attention" opset 24 (%x, %a, %b, %none, %none, %none, %count) {is_causal = 1 : i64, kv_num_heads = 1 : i64, q_num_heads = 2 : i64} : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x16x4xf32>, tensor<1x16x4xf32>, none, none, none, tensor<1xi64>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  return %y, %a, %b : tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x16x4xf32>, tensor<1x16x4xf32>
}

// -----

// Tokens see what comes later.
// CHECK-LABEL: func.func @main
// CHECK-NOT: CausalAttention
func.func @main(%x: tensor<1x?x8xf32, #onnx.shape<"T">>, %k: tensor<1x?x4xf32, #onnx.shape<"T">>, %v: tensor<1x?x4xf32, #onnx.shape<"T">>, %keys: tensor<1x16x4xf32>, %values: tensor<1x16x4xf32>, %begin: tensor<1xi64>, %count: tensor<1xi64>) -> (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x16x4xf32>, tensor<1x16x4xf32>) {
  %none = onnx.none
  %a = onnx.node "TensorScatter" opset 24 (%keys, %k, %begin) {axis = 1 : i64} : (tensor<1x16x4xf32>, tensor<1x?x4xf32, #onnx.shape<"T">>, tensor<1xi64>) -> tensor<1x16x4xf32>
  %b = onnx.node "TensorScatter" opset 24 (%values, %v, %begin) {axis = 1 : i64} : (tensor<1x16x4xf32>, tensor<1x?x4xf32, #onnx.shape<"T">>, tensor<1xi64>) -> tensor<1x16x4xf32>
  %y = onnx.node "Attention" opset 24 (%x, %a, %b, %none, %none, %none, %count) {kv_num_heads = 1 : i64, q_num_heads = 2 : i64} : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x16x4xf32>, tensor<1x16x4xf32>, none, none, none, tensor<1xi64>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  return %y, %a, %b : tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x16x4xf32>, tensor<1x16x4xf32>
}

// -----

// New keys are written where their count is said, new values where the call begins.
// CHECK-LABEL: func.func @main
// CHECK-NOT: CausalAttention
func.func @main(%x: tensor<1x?x8xf32, #onnx.shape<"T">>, %k: tensor<1x?x4xf32, #onnx.shape<"T">>, %v: tensor<1x?x4xf32, #onnx.shape<"T">>, %keys: tensor<1x16x4xf32>, %values: tensor<1x16x4xf32>, %begin: tensor<1xi64>, %count: tensor<1xi64>) -> (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x16x4xf32>, tensor<1x16x4xf32>) {
  %none = onnx.none
  %one = onnx.constant dense<1> : tensor<1xi64>
  %wrong = onnx.node "Add" opset 24 (%begin, %one) : (tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %a = onnx.node "TensorScatter" opset 24 (%keys, %k, %wrong) {axis = 1 : i64} : (tensor<1x16x4xf32>, tensor<1x?x4xf32, #onnx.shape<"T">>, tensor<1xi64>) -> tensor<1x16x4xf32>
  %b = onnx.node "TensorScatter" opset 24 (%values, %v, %begin) {axis = 1 : i64} : (tensor<1x16x4xf32>, tensor<1x?x4xf32, #onnx.shape<"T">>, tensor<1xi64>) -> tensor<1x16x4xf32>
  %y = onnx.node "Attention" opset 24 (%x, %a, %b, %none, %none, %none, %count) {is_causal = 1 : i64, kv_num_heads = 1 : i64, q_num_heads = 2 : i64} : (tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x16x4xf32>, tensor<1x16x4xf32>, none, none, none, tensor<1xi64>) -> tensor<1x?x8xf32, #onnx.shape<"T">>
  return %y, %a, %b : tensor<1x?x8xf32, #onnx.shape<"T">>, tensor<1x16x4xf32>, tensor<1x16x4xf32>
}
