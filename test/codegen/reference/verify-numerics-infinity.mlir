// One infinite number hides no difference in the others.
// RUN: not fathom-opt %s --verify-numerics-each --test-fathom-break-numerics=kind=swap-gate-up -o /dev/null 2>&1 | FileCheck %s

// CHECK: error: pass 'test-fathom-break-numerics' changed result 0 of @one_infinity
func.func @one_infinity(%gate: tensor<1x4xf32>, %up: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %infinity = arith.constant dense<[[0x7F800000, 0.0, 0.0, 0.0]]> : tensor<1x4xf32>
  %product = deepseek.swiglu %gate, %up : tensor<1x4xf32>
  %result = arith.addf %product, %infinity : tensor<1x4xf32>
  return %result : tensor<1x4xf32>
}
