// Gate, up and SwiGLU become one product with a weight of both.
// RUN: fathom-opt %s --fathom-fuse-gate-up | FileCheck %s
// RUN: fathom-opt %s --fathom-fuse-gate-up --fathom-fuse-gate-up | FileCheck %s
// RUN: fathom-opt %s --fathom-fuse-gate-up --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @gate : tensor<40x8xbf16> layers [1, 2] from "gate" at [0, 0, 0, 0]
deepseek.weight @up : tensor<40x8xbf16> layers [1, 2] from "up" at [0, 0, 0, 0]
deepseek.weight @gate8 : tensor<40x8xf8E4M3FN> from "gate8" at [0, 0]
deepseek.weight @gate8_scale : tensor<2x1xf32> scale from "gate8_scale" at [0, 0]
deepseek.weight @up8 : tensor<40x8xf8E4M3FN> from "up8" at [0, 0]
deepseek.weight @up8_scale : tensor<2x1xf32> scale from "up8_scale" at [0, 0]
deepseek.weight @up_other : tensor<40x8xf32> layers [1, 2] from "up_other" at [0, 0, 0, 0]

// CHECK: deepseek.recipe @"gate|up" : tensor<80x8xbf16> layers [1, 2] {
// CHECK-NEXT: %[[G:.*]] = deepseek.source @gate : tensor<40x8xbf16>
// CHECK-NEXT: %[[U:.*]] = deepseek.source @up : tensor<40x8xbf16>
// CHECK-NEXT: %[[B:.*]] = deepseek.concat_rows %[[G]], %[[U]] : (tensor<40x8xbf16>, tensor<40x8xbf16>) -> tensor<80x8xbf16>
// CHECK-NEXT: deepseek.yield %[[B]]

// Scales become a row per output first: blocks of the two do not line up.
// CHECK: deepseek.recipe @"gate8_scale|up8_scale" : tensor<80x1xf32> {
// CHECK: %[[E:.*]] = deepseek.expand_scale %{{.*}} rows 32 : tensor<2x1xf32> -> tensor<40x1xf32>
// CHECK: %[[F:.*]] = deepseek.expand_scale %{{.*}} rows 32 : tensor<2x1xf32> -> tensor<40x1xf32>
// CHECK: deepseek.concat_rows %[[E]], %[[F]] : (tensor<40x1xf32>, tensor<40x1xf32>) -> tensor<80x1xf32>

// CHECK-LABEL: func.func @fuses
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[L:.*]]: index)
func.func @fuses(%x: tensor<?x8xf32>, %l: index) -> tensor<?x40xf32> {
  // CHECK: %[[W:.*]] = deepseek.get_weight @"gate|up"[%[[L]]]
  // CHECK: %[[Y:.*]] = deepseek.linear_swiglu %[[X]], %[[W]] : (tensor<?x8xf32>, tensor<80x8xbf16>) -> tensor<?x40xf32>
  // CHECK: return %[[Y]]
  %g = deepseek.get_weight @gate[%l] : tensor<40x8xbf16>
  %u = deepseek.get_weight @up[%l] : tensor<40x8xbf16>
  %a = deepseek.linear %x, %g : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
  %b = deepseek.linear %x, %u : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
  %y = deepseek.swiglu %a, %b : tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}

// CHECK-LABEL: func.func @fuses_quantized
func.func @fuses_quantized(%x: tensor<?x8xf32>) -> tensor<?x40xf32> {
  // CHECK: deepseek.linear_swiglu %{{.*}}, %{{.*}} scale %{{.*}} <1 x 128> :
  %g = deepseek.get_weight @gate8 : tensor<40x8xf8E4M3FN>
  %gs = deepseek.get_weight @gate8_scale : tensor<2x1xf32>
  %u = deepseek.get_weight @up8 : tensor<40x8xf8E4M3FN>
  %us = deepseek.get_weight @up8_scale : tensor<2x1xf32>
  %a = deepseek.linear %x, %g scale %gs <32 x 128>
      : (tensor<?x8xf32>, tensor<40x8xf8E4M3FN>, tensor<2x1xf32>) -> tensor<?x40xf32>
  %b = deepseek.linear %x, %u scale %us <32 x 128>
      : (tensor<?x8xf32>, tensor<40x8xf8E4M3FN>, tensor<2x1xf32>) -> tensor<?x40xf32>
  %y = deepseek.swiglu %a, %b : tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}

// CHECK-LABEL: func.func @keeps_projections_used_elsewhere
func.func @keeps_projections_used_elsewhere(%x: tensor<?x8xf32>, %l: index) -> (tensor<?x40xf32>, tensor<?x40xf32>) {
  // CHECK: deepseek.linear %
  // CHECK: deepseek.linear %
  // CHECK: deepseek.swiglu
  %g = deepseek.get_weight @gate[%l] : tensor<40x8xbf16>
  %u = deepseek.get_weight @up[%l] : tensor<40x8xbf16>
  %a = deepseek.linear %x, %g : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
  %b = deepseek.linear %x, %u : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
  %y = deepseek.swiglu %a, %b : tensor<?x40xf32>
  return %y, %a : tensor<?x40xf32>, tensor<?x40xf32>
}

// CHECK-LABEL: func.func @keeps_different_inputs
func.func @keeps_different_inputs(%x: tensor<?x8xf32>, %z: tensor<?x8xf32>, %l: index) -> tensor<?x40xf32> {
  // CHECK: deepseek.swiglu
  %g = deepseek.get_weight @gate[%l] : tensor<40x8xbf16>
  %u = deepseek.get_weight @up[%l] : tensor<40x8xbf16>
  %a = deepseek.linear %x, %g : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
  %b = deepseek.linear %z, %u : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
  %y = deepseek.swiglu %a, %b : tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}

// CHECK-LABEL: func.func @keeps_different_types
func.func @keeps_different_types(%x: tensor<?x8xf32>, %l: index) -> tensor<?x40xf32> {
  // CHECK: deepseek.swiglu
  %g = deepseek.get_weight @gate[%l] : tensor<40x8xbf16>
  %u = deepseek.get_weight @up_other[%l] : tensor<40x8xf32>
  %a = deepseek.linear %x, %g : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
  %b = deepseek.linear %x, %u : (tensor<?x8xf32>, tensor<40x8xf32>) -> tensor<?x40xf32>
  %y = deepseek.swiglu %a, %b : tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}

// A bias belongs between sum and SwiGLU, where the fused op has no place for it.
// CHECK-LABEL: func.func @keeps_biases
func.func @keeps_biases(%x: tensor<?x8xf32>, %bias: tensor<40xf32>, %l: index) -> tensor<?x40xf32> {
  // CHECK: deepseek.swiglu
  %g = deepseek.get_weight @gate[%l] : tensor<40x8xbf16>
  %u = deepseek.get_weight @up[%l] : tensor<40x8xbf16>
  %a = deepseek.linear %x, %g bias %bias : (tensor<?x8xf32>, tensor<40x8xbf16>, tensor<40xf32>) -> tensor<?x40xf32>
  %b = deepseek.linear %x, %u : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
  %y = deepseek.swiglu %a, %b : tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}
