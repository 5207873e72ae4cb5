// Experts become a permutation, grouped products and a weighted sum.
// RUN: fathom-opt %s --fathom-lower-moe-routing | FileCheck %s
// RUN: fathom-opt %s --fathom-lower-moe-routing --fathom-lower-moe-routing | FileCheck %s
// RUN: fathom-opt %s --fathom-lower-moe-routing --verify-numerics-each -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %s --fathom-lower-moe-routing=fuse-gate-up=false | FileCheck %s --check-prefix=APART
// RUN: fathom-opt %s --fathom-lower-moe-routing=fuse-gate-up=false --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @gate : tensor<6x4x8xbf16> experts layers [1] from "g" at [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
deepseek.weight @up : tensor<6x4x8xbf16> experts layers [1] from "u" at [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
deepseek.weight @down : tensor<6x8x4xbf16> experts layers [1] from "d" at [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

// CHECK: deepseek.recipe @"gate|up" : tensor<6x8x8xbf16> experts layers [1] {
// APART-NOT: deepseek.recipe

// CHECK-LABEL: func.func @lowers
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[IDS:.*]]: tensor<?x2xi32>, %[[C:.*]]: tensor<?x2xf32>, %[[L:.*]]: index)
func.func @lowers(%x: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %c: tensor<?x2xf32>, %l: index) -> tensor<?x8xf32> {
  // CHECK: %[[D:.*]] = deepseek.get_weight @down
  // CHECK: %[[O:.*]], %[[R:.*]], %[[S:.*]] = deepseek.moe_permute %[[IDS]] experts 6 : (tensor<?x2xi32>) -> (tensor<7xi32>, tensor<?xi32>, tensor<?x2xi32>)
  // CHECK: %[[W:.*]] = deepseek.get_weight @"gate|up"[%[[L]]]
  // CHECK: %[[H:.*]] = deepseek.moe_linear_swiglu gather %[[X]], %[[O]], %[[R]], %[[W]] top_k 2 {{.*}} -> tensor<?x4xf32>
  // CHECK: %[[Y:.*]] = deepseek.moe_linear %[[H]], %[[O]], %[[R]], %[[D]] top_k 2 {{.*}} -> tensor<?x8xf32>
  // CHECK: %[[Z:.*]] = deepseek.moe_combine %[[Y]], %[[S]], %[[C]] :
  // CHECK: return %[[Z]]
  // APART: %[[H:.*]] = deepseek.moe_linear gather
  // APART: %[[U:.*]] = deepseek.moe_linear gather
  // APART: %[[A:.*]] = deepseek.swiglu %[[H]], %[[U]] : tensor<?x4xf32>
  // APART: deepseek.moe_linear %[[A]]
  %g = deepseek.get_weight @gate[%l] : tensor<6x4x8xbf16>
  %u = deepseek.get_weight @up[%l] : tensor<6x4x8xbf16>
  %d = deepseek.get_weight @down[%l] : tensor<6x8x4xbf16>
  %y = deepseek.moe_experts %x, %ids, %c, %g, %u, %d
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<6x4x8xbf16>, tensor<6x4x8xbf16>, tensor<6x8x4xbf16>)
      -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
