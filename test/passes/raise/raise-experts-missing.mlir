// A trace that met tokens of two experts alone.
// RUN: fathom-opt %s --fathom-raise-experts 2>&1 | FileCheck %s

// CHECK: warning: has networks of 2 of its 3 experts, as traces have that met no tokens of others: what the graph computes is not what its model does
// CHECK-NOT: "Experts"
func.func @main(%x: tensor<?x8xf32, #onnx.shape<"T">>) -> tensor<?x8xf32, #onnx.shape<"T">> {
  %router = onnx.get_initializer @router : tensor<8x3xf32>
  %b_gate = onnx.get_initializer @b_gate : tensor<8x3xf32>
  %b_up = onnx.get_initializer @b_up : tensor<8x3xf32>
  %b_down = onnx.get_initializer @b_down : tensor<3x8xf32>
  %a_gate = onnx.get_initializer @a_gate : tensor<8x3xf32>
  %a_up = onnx.get_initializer @a_up : tensor<8x3xf32>
  %a_down = onnx.get_initializer @a_down : tensor<3x8xf32>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %k = onnx.constant dense<1> : tensor<1xi64>
  %logits = onnx.node "MatMul" opset 18 (%x, %router) : (tensor<?x8xf32, #onnx.shape<"T">>, tensor<8x3xf32>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %scores = onnx.node "Sigmoid" opset 18 (%logits) : (tensor<?x3xf32, #onnx.shape<"T">>) -> tensor<?x3xf32, #onnx.shape<"T">>
  %best:2 = onnx.node "TopK" opset 18 (%scores, %k) : (tensor<?x3xf32, #onnx.shape<"T">>, tensor<1xi64>) -> (tensor<?x1xf32, #onnx.shape<"T">>, tensor<?x1xi64, #onnx.shape<"T">>)
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
onnx.initializer @router : tensor<8x3xf32> file 0 offset 0
onnx.initializer @b_gate : tensor<8x3xf32> file 0 offset 0
onnx.initializer @b_up : tensor<8x3xf32> file 0 offset 0
onnx.initializer @b_down : tensor<3x8xf32> file 0 offset 0
onnx.initializer @a_gate : tensor<8x3xf32> file 0 offset 0
onnx.initializer @a_up : tensor<8x3xf32> file 0 offset 0
onnx.initializer @a_down : tensor<3x8xf32> file 0 offset 0
