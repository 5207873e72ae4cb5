// gate · sigmoid(gate) · up, in any order of factors.
// RUN: fathom-opt %s --verify-numerics-each --fathom-simplify-nodes --fathom-raise-swiglu --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @gates
// CHECK: %[[Y:.*]] = onnx.node "SwiGlu" of "fathom" opset 1(%arg0, %arg1)
// CHECK: return %[[Y]]
func.func @gates(%gate: tensor<4x8xf32>, %up: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %sigmoid = onnx.node "Sigmoid" opset 18 (%gate) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %silu = onnx.node "Mul" opset 18 (%sigmoid, %gate) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = onnx.node "Mul" opset 18 (%up, %silu) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// onnxruntime calls SiLU a GELU of alpha 1.
// CHECK-LABEL: func.func @gates_by_quick_gelu
// CHECK: "SwiGlu" of "fathom"
func.func @gates_by_quick_gelu(%gate: tensor<4x8xf32>, %up: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %silu = onnx.node "QuickGelu" of "com.microsoft" opset 1 (%gate) {alpha = 1.0 : f32} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = onnx.node "Mul" opset 18 (%silu, %up) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func.func @quick_gelu_is_another
// CHECK-NOT: SwiGlu
func.func @quick_gelu_is_another(%gate: tensor<4x8xf32>, %up: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %gelu = onnx.node "QuickGelu" of "com.microsoft" opset 1 (%gate) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = onnx.node "Mul" opset 18 (%gelu, %up) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
