// A sum that a norm reads becomes part of the norm.
// RUN: fathom-opt %s --fathom-fuse-residual-norm | FileCheck %s
// RUN: fathom-opt %s --fathom-fuse-residual-norm --fathom-fuse-residual-norm | FileCheck %s
// RUN: fathom-opt %s --fathom-fuse-residual-norm --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @norm : tensor<8xbf16> from "norm" at [0, 0]

// CHECK-LABEL: func.func @fuses
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[R:.*]]: tensor<?x8xf32>)
func.func @fuses(%x: tensor<?x8xf32>, %r: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: %[[W:.*]] = deepseek.get_weight @norm
  // CHECK: %[[SUM:.*]], %[[N:.*]] = deepseek.add_rms_norm %[[X]], %[[R]], %[[W]] eps 2.500000e-01
  // CHECK: return %[[SUM]], %[[N]]
  %w = deepseek.get_weight @norm : tensor<8xbf16>
  %s = arith.addf %x, %r : tensor<?x8xf32>
  %n = deepseek.rms_norm %s, %w eps 0.25 : tensor<?x8xf32>, tensor<8xbf16>
  return %s, %n : tensor<?x8xf32>, tensor<?x8xf32>
}

// The sum would be computed after its use.
// CHECK-LABEL: func.func @keeps_a_sum_used_before_the_norm
func.func @keeps_a_sum_used_before_the_norm(%x: tensor<?x8xf32>, %r: tensor<?x8xf32>)
    -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: arith.addf
  // CHECK: arith.mulf
  // CHECK: deepseek.rms_norm
  %w = deepseek.get_weight @norm : tensor<8xbf16>
  %s = arith.addf %x, %r : tensor<?x8xf32>
  %d = arith.mulf %s, %s : tensor<?x8xf32>
  %n = deepseek.rms_norm %s, %w eps 0.25 : tensor<?x8xf32>, tensor<8xbf16>
  return %d, %n : tensor<?x8xf32>, tensor<?x8xf32>
}

// CHECK-LABEL: func.func @fuses_the_first_of_two_norms
func.func @fuses_the_first_of_two_norms(%x: tensor<?x8xf32>, %r: tensor<?x8xf32>)
    -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: %[[SUM:.*]], %{{.*}} = deepseek.add_rms_norm
  // CHECK: deepseek.rms_norm %[[SUM]]
  %w = deepseek.get_weight @norm : tensor<8xbf16>
  %s = arith.addf %x, %r : tensor<?x8xf32>
  %n = deepseek.rms_norm %s, %w eps 0.25 : tensor<?x8xf32>, tensor<8xbf16>
  %m = deepseek.rms_norm %s, %w eps 0.5 : tensor<?x8xf32>, tensor<8xbf16>
  return %n, %m : tensor<?x8xf32>, tensor<?x8xf32>
}

// CHECK-LABEL: func.func @keeps_norms_of_other_values
func.func @keeps_norms_of_other_values(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: deepseek.rms_norm
  %w = deepseek.get_weight @norm : tensor<8xbf16>
  %n = deepseek.rms_norm %x, %w eps 0.25 : tensor<?x8xf32>, tensor<8xbf16>
  return %n : tensor<?x8xf32>
}

// The fused op normalizes a whole row.
// CHECK-LABEL: func.func @keeps_norms_of_groups
func.func @keeps_norms_of_groups(%x: tensor<?x16xf32>, %r: tensor<?x16xf32>) -> tensor<?x16xf32> {
  // CHECK: arith.addf
  // CHECK: deepseek.rms_norm
  %w = deepseek.get_weight @norm : tensor<8xbf16>
  %s = arith.addf %x, %r : tensor<?x16xf32>
  %n = deepseek.rms_norm %s, %w eps 0.25 : tensor<?x16xf32>, tensor<8xbf16>
  return %n : tensor<?x16xf32>
}
