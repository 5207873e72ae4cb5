// Gate, experts and grouped products print as they are read.
// RUN: fathom-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @gates
// CHECK-SAME: (%[[X:.*]]: tensor<?x6xf32>, %[[B:.*]]: tensor<6xf32>)
func.func @gates(%x: tensor<?x6xf32>, %b: tensor<6xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  // CHECK: deepseek.moe_gate %[[X]] <softmax, none, top_k = 2> : (tensor<?x6xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %i, %w = deepseek.moe_gate %x <softmax, none, top_k = 2> : (tensor<?x6xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  // CHECK: deepseek.moe_gate %[[X]] bias %[[B]] <sigmoid, top2_sum, top_k = 2, groups = 3, top_groups = 2, normalize = true, factor = 2.500000e+00> :
  %j, %v = deepseek.moe_gate %x bias %b
      <sigmoid, top2_sum, top_k = 2, groups = 3, top_groups = 2, normalize = true, factor = 2.5>
      : (tensor<?x6xf32>, tensor<6xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %j, %w : tensor<?x2xi32>, tensor<?x2xf32>
}

// CHECK-LABEL: func.func @experts
func.func @experts(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %g: tensor<6x4x8xf8E4M3FN>,
                   %d: tensor<6x8x4xf8E4M3FN>, %s: tensor<6x1x1xf32>) -> tensor<?x8xf32> {
  // CHECK: deepseek.moe_experts %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} scale %{{.*}}, %{{.*}}, %{{.*}} <128 x 128> :
  %y = deepseek.moe_experts %x, %i, %w, %g, %g, %d scale %s, %s, %s <128 x 128>
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<6x4x8xf8E4M3FN>, tensor<6x4x8xf8E4M3FN>,
         tensor<6x8x4xf8E4M3FN>, tensor<6x1x1xf32>, tensor<6x1x1xf32>, tensor<6x1x1xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @grouped
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[I:.*]]: tensor<?x2xi32>, %[[W:.*]]: tensor<?x2xf32>, %[[G:.*]]: tensor<6x40x8xbf16>, %[[D:.*]]: tensor<6x8x20xbf16, #deepseek.layout<panels = 32>>)
func.func @grouped(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %g: tensor<6x40x8xbf16>,
                   %d: tensor<6x8x20xbf16, #deepseek.layout<panels = 32>>) -> tensor<?x8xf32> {
  // CHECK: %[[O:.*]], %[[R:.*]], %[[S:.*]] = deepseek.moe_permute %[[I]] experts 6 : (tensor<?x2xi32>) -> (tensor<7xi32>, tensor<?xi32>, tensor<?x2xi32>)
  %o, %r, %s = deepseek.moe_permute %i experts 6 : (tensor<?x2xi32>) -> (tensor<7xi32>, tensor<?xi32>, tensor<?x2xi32>)
  // CHECK: %[[H:.*]] = deepseek.moe_linear_swiglu gather %[[X]], %[[O]], %[[R]], %[[G]] top_k 2 :
  %h = deepseek.moe_linear_swiglu gather %x, %o, %r, %g top_k 2
      : (tensor<?x8xf32>, tensor<7xi32>, tensor<?xi32>, tensor<6x40x8xbf16>) -> tensor<?x20xf32>
  // CHECK: %[[Y:.*]] = deepseek.moe_linear %[[H]], %[[O]], %[[R]], %[[D]] top_k 2 :
  %y = deepseek.moe_linear %h, %o, %r, %d top_k 2
      : (tensor<?x20xf32>, tensor<7xi32>, tensor<?xi32>, tensor<6x8x20xbf16, #deepseek.layout<panels = 32>>) -> tensor<?x8xf32>
  // CHECK: deepseek.moe_combine %[[Y]], %[[S]], %[[W]] epilogue(%[[X]]) {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[E:.*]]: f32):
  // CHECK-NEXT: deepseek.yield %[[E]] : f32
  %z = deepseek.moe_combine %y, %s, %w epilogue(%x) {
  ^bb0(%a: f32, %e: f32):
    deepseek.yield %e : f32
  } : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}
