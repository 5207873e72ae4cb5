// RUN: fathom-opt %s --fathom-verify-plan-output --split-input-file --verify-diagnostics

func.func @no_offset(%call: !plan.call) {
  // expected-error @+1 {{'plan.buffer' op expects an offset after the plan phase}}
  %b = plan.buffer of %call bytes 64 : memref<4xf32>
  return
}

// -----

func.func @tensors(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'deepseek.swiglu' op is not expected outside generated functions after the plan phase}}
  %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
  return
}

// -----

// Weights stay, and so do the ops of generated functions.
deepseek.weight @w : tensor<8xbf16> from "w" at [0, 0]
func.func @generated_0(%x: tensor<?x8xf32>, %call: !plan.call) {
  %b = plan.buffer of %call bytes 64 offset 0 : memref<4xf32>
  %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
  return
}
