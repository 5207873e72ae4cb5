// Rope tables become recipes, one for all that are equal.
// RUN: fathom-opt %s --fathom-fold-rope-tables | FileCheck %s
// RUN: fathom-opt %s --fathom-fold-rope-tables --verify-numerics-each -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %s --fathom-fold-rope-tables --fathom-fold-rope-tables | FileCheck %s

// CHECK: deepseek.recipe @rope_table : tensor<16x2x2xf32> {
// CHECK-NEXT: %[[T:.*]] = deepseek.rope_table <frequencies = [1.000000e+00, 2.500000e-01]> : tensor<16x2x2xf32>
// CHECK-NEXT: deepseek.yield %[[T]]
// CHECK: deepseek.recipe @rope_table_2 : tensor<16x2x2xf32> {
// CHECK-NEXT: deepseek.rope_table <frequencies = [1.000000e+00, 5.000000e-01]>
// CHECK-NOT: deepseek.recipe

// CHECK-LABEL: func.func @two_layers
func.func @two_layers(%x: tensor<?x4xf32>, %p: tensor<?xi32>) -> tensor<?x4xf32> {
  // CHECK-NOT: deepseek.rope_table
  // CHECK: %[[A:.*]] = deepseek.get_weight @rope_table :
  // CHECK: deepseek.rope interleaved %{{.*}}, %[[A]] at
  %a = deepseek.rope_table <frequencies = [1.0, 0.25]> : tensor<16x2x2xf32>
  %y = deepseek.rope interleaved %x, %a at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  // CHECK: %[[B:.*]] = deepseek.get_weight @rope_table :
  // CHECK: deepseek.rope interleaved %{{.*}}, %[[B]] at
  %b = deepseek.rope_table <frequencies = [1.0, 0.25]> : tensor<16x2x2xf32>
  %z = deepseek.rope interleaved %y, %b at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  return %z : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @other_frequencies
func.func @other_frequencies(%x: tensor<?x4xf32>, %p: tensor<?xi32>) -> tensor<?x4xf32> {
  // CHECK: %[[T:.*]] = deepseek.get_weight @rope_table_2 :
  // CHECK: deepseek.rope half_split %{{.*}}, %[[T]] at
  %t = deepseek.rope_table <frequencies = [1.0, 0.5]> : tensor<16x2x2xf32>
  %y = deepseek.rope half_split %x, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  return %y : tensor<?x4xf32>
}
