// Biases and sums move into the epilogue of the product they end, operands in their order.
// RUN: fathom-opt %s --fathom-fuse-epilogues | FileCheck %s
// RUN: fathom-opt %s --fathom-fuse-epilogues --fathom-fuse-epilogues | FileCheck %s
// RUN: fathom-opt %s --fathom-fuse-epilogues --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @w : tensor<8x8xbf16> from "w" at [0, 0]
deepseek.weight @bias : tensor<8xbf16> from "bias" at [0, 0]
deepseek.weight @both : tensor<16x8xbf16> from "both" at [0, 0]

// CHECK-LABEL: func.func @fuses
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[R:.*]]: tensor<?x8xf32>)
func.func @fuses(%x: tensor<?x8xf32>, %r: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[Y:.*]] = deepseek.linear %[[X]], %{{.*}} epilogue(%[[R]]) {
  // CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[EXTRA:.*]]: f32):
  // CHECK-NEXT: %[[V:.*]] = arith.addf %[[EXTRA]], %[[SUM]] : f32
  // CHECK-NEXT: deepseek.yield %[[V]] : f32
  // CHECK: return %[[Y]]
  %w = deepseek.get_weight @w : tensor<8x8xbf16>
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %s = arith.addf %r, %y : tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @fuses_chains
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[A:.*]]: tensor<?x8xf32>, %[[B:.*]]: tensor<?x8xf32>)
func.func @fuses_chains(%x: tensor<?x8xf32>, %a: tensor<?x8xf32>, %b: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: deepseek.linear %[[X]], %{{.*}} epilogue(%[[A]], %[[B]]) {
  // CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[C:.*]]: f32, %[[D:.*]]: f32):
  // CHECK-NEXT: %[[V:.*]] = arith.addf %[[SUM]], %[[C]] : f32
  // CHECK-NEXT: %[[W:.*]] = arith.addf %[[D]], %[[V]] : f32
  // CHECK-NEXT: deepseek.yield %[[W]] : f32
  // CHECK-NOT: arith.addf
  %w = deepseek.get_weight @w : tensor<8x8xbf16>
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %s = arith.addf %y, %a : tensor<?x8xf32>
  %t = arith.addf %b, %s : tensor<?x8xf32>
  return %t : tensor<?x8xf32>
}

// The product computed last takes the other as an extra.
// CHECK-LABEL: func.func @fuses_into_the_later_product
func.func @fuses_into_the_later_product(%x: tensor<?x8xf32>, %z: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[A:.*]] = deepseek.linear %{{.*}}, %{{.*}} :
  // CHECK: deepseek.linear_swiglu %{{.*}}, %{{.*}} epilogue(%[[A]])
  %w = deepseek.get_weight @w : tensor<8x8xbf16>
  %both = deepseek.get_weight @both : tensor<16x8xbf16>
  %a = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %b = deepseek.linear_swiglu %z, %both : (tensor<?x8xf32>, tensor<16x8xbf16>) -> tensor<?x8xf32>
  %s = arith.addf %a, %b : tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// The longer chain takes the other, wherever they stand.
// CHECK-LABEL: func.func @fuses_into_the_longer_chain
func.func @fuses_into_the_longer_chain(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[FIRST:.*]] = deepseek.linear %arg0, %{{.*}} :
  // CHECK: %[[SHORT:.*]] = deepseek.linear_swiglu %arg0, %{{.*}} :
  // CHECK: deepseek.linear %[[FIRST]], %{{.*}} epilogue(%[[SHORT]])
  %w = deepseek.get_weight @w : tensor<8x8xbf16>
  %both = deepseek.get_weight @both : tensor<16x8xbf16>
  %a = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %long = deepseek.linear %a, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %short = deepseek.linear_swiglu %x, %both : (tensor<?x8xf32>, tensor<16x8xbf16>) -> tensor<?x8xf32>
  %s = arith.addf %long, %short : tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @fuses_into_moe_combine
func.func @fuses_into_moe_combine(%y: tensor<?x8xf32>, %ids: tensor<?x1xi32>, %w: tensor<?x1xf32>, %r: tensor<?x8xf32>)
    -> tensor<?x8xf32> {
  // CHECK: deepseek.moe_combine %{{.*}}, %{{.*}}, %{{.*}} epilogue(%{{.*}}) {
  // CHECK: arith.addf %{{.*}}, %{{.*}} : f32
  %o, %rows, %slots = deepseek.moe_permute %ids experts 4
      : (tensor<?x1xi32>) -> (tensor<5xi32>, tensor<?xi32>, tensor<?x1xi32>)
  %c = deepseek.moe_combine %y, %slots, %w : (tensor<?x8xf32>, tensor<?x1xi32>, tensor<?x1xf32>) -> tensor<?x8xf32>
  %s = arith.addf %c, %r : tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @keeps_products_used_elsewhere
func.func @keeps_products_used_elsewhere(%x: tensor<?x8xf32>, %r: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK-NOT: epilogue
  // CHECK: arith.addf
  %w = deepseek.get_weight @w : tensor<8x8xbf16>
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %s = arith.addf %r, %y : tensor<?x8xf32>
  return %s, %y : tensor<?x8xf32>, tensor<?x8xf32>
}

// CHECK-LABEL: func.func @keeps_twice_a_product
func.func @keeps_twice_a_product(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NOT: epilogue
  // CHECK: arith.addf
  %w = deepseek.get_weight @w : tensor<8x8xbf16>
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %s = arith.addf %y, %y : tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// The other operand is not there yet when the product runs.
// CHECK-LABEL: func.func @keeps_operands_computed_later
func.func @keeps_operands_computed_later(%x: tensor<?x8xf32>, %r: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NOT: epilogue
  // CHECK: arith.addf
  %w = deepseek.get_weight @w : tensor<8x8xbf16>
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %d = arith.mulf %r, %r : tensor<?x8xf32>
  %s = arith.addf %y, %d : tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// The bias is added before anything else, whatever its type.
// CHECK-LABEL: func.func @fuses_biases
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[R:.*]]: tensor<?x8xf32>)
func.func @fuses_biases(%x: tensor<?x8xf32>, %r: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[B:.*]] = deepseek.get_weight @bias
  // CHECK: deepseek.linear %[[X]], %{{.*}} epilogue(%[[B]], %[[R]]) {
  // CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[BIAS:.*]]: f32, %[[EXTRA:.*]]: f32):
  // CHECK-NEXT: %[[V:.*]] = arith.addf %[[SUM]], %[[BIAS]] : f32
  // CHECK-NEXT: %[[W:.*]] = arith.addf %[[EXTRA]], %[[V]] : f32
  // CHECK-NEXT: deepseek.yield %[[W]] : f32
  // CHECK-NEXT: } : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %w = deepseek.get_weight @w : tensor<8x8xbf16>
  %b = deepseek.get_weight @bias : tensor<8xbf16>
  %y = deepseek.linear %x, %w bias %b : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8xbf16>) -> tensor<?x8xf32>
  %s = arith.addf %r, %y : tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @fuses_biases_before_epilogues
func.func @fuses_biases_before_epilogues(%x: tensor<?x8xf32>, %r: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: epilogue(%{{.*}}, %{{.*}}) {
  // CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[EXTRA:.*]]: f32, %[[BIAS:.*]]: f32):
  // CHECK-NEXT: %[[V:.*]] = arith.addf %[[SUM]], %[[BIAS]] : f32
  // CHECK-NEXT: arith.mulf %[[V]], %[[EXTRA]] : f32
  %w = deepseek.get_weight @w : tensor<8x8xbf16>
  %b = deepseek.get_weight @bias : tensor<8xbf16>
  %y = deepseek.linear %x, %w bias %b epilogue(%r) {
  ^bb0(%sum: f32, %extra: f32):
    %0 = arith.mulf %sum, %extra : f32
    deepseek.yield %0 : f32
  } : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
