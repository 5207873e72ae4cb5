// RUN: fathom-opt %s --fathom-verify-raise-output | FileCheck %s

// CHECK: module attributes {deepseek.phase = "deepseek"}
// CHECK: func.func @forward()
module attributes {deepseek.phase = "onnx"} {
  func.func @forward() {
    return
  }
}
