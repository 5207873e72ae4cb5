// What of graphs cannot be evaluated is said once, by function and reason.
// RUN: fathom-opt %s --verify-numerics-each --cse --split-input-file --verify-diagnostics

// expected-remark-re @+1 {{numerics of @unknown_operator are not verified: node {{.*}} (Nobody): is of an operator that is not evaluated}}
func.func @unknown_operator(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = onnx.node "Nobody" opset 18 (%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// expected-remark @+1 {{numerics of @unranked are not verified: argument 0 has no known rank}}
func.func @unranked(%x: tensor<*xf32>) -> tensor<*xf32> {
  %y = onnx.node "Neg" opset 18 (%x) : (tensor<*xf32>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

// expected-remark @+1 {{numerics of @large are not verified: argument 0 is too large, or of another type}}
func.func @large(%x: tensor<1048576x1048576xf32>) -> tensor<1048576x1048576xf32> {
  %y = onnx.node "Neg" opset 18 (%x) : (tensor<1048576x1048576xf32>) -> tensor<1048576x1048576xf32>
  return %y : tensor<1048576x1048576xf32>
}

// -----

// Numbers of an embedding may be any; those of indices may not.
onnx.initializer @indices : tensor<4xi64> file 0 offset 0
// expected-remark-re @+1 {{numerics of @indices_of_a_file are not verified: {{.*}}: no numbers are made up for @indices, which may say what is where}}
func.func @indices_of_a_file() -> tensor<4xi64> {
  %indices = onnx.get_initializer @indices : tensor<4xi64>
  return %indices : tensor<4xi64>
}
