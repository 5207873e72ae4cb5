// RUN: fathom-opt %s --fathom-verify-raise-output --split-input-file --verify-diagnostics

// expected-error @below {{expects a function @forward after the raise phase}}
module {
  func.func @main() {
    return
  }
}

// -----

func.func @forward(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{'onnx.node' op is not expected after the raise phase}}
  %y = onnx.node "Tanh" opset 18 (%x) : (tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}
