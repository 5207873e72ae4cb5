// Layers that are not alike and read the same weight have each a stack of it, of their own layers.
// RUN: fathom-opt %s --fathom-share-layers | FileCheck %s

// CHECK-DAG: deepseek.weight @layer.w : tensor<8x8xf32> layers [0] from "w" at [0, 0]
// CHECK-DAG: deepseek.weight @layer_2.w : tensor<8x8xf32> layers [1] from "w" at [0, 0]
// CHECK-LABEL: func.func private @layer(
// CHECK: deepseek.get_weight @layer.w[
// CHECK-LABEL: func.func private @layer_2(
// CHECK: deepseek.get_weight @layer_2.w[
deepseek.weight @w : tensor<8x8xf32> from "w" at [0, 0]
func.func private @layer.0(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %cache: !deepseek.cache<key: 8 x f32>, %layer: index) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>) {
  %w = deepseek.get_weight @w : tensor<8x8xf32>
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %y, %cache : tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>
}
func.func private @layer.1(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %cache: !deepseek.cache<key: 8 x f32>, %layer: index) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>) {
  %w = deepseek.get_weight @w : tensor<8x8xf32>
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %z = arith.addf %x, %y : tensor<?x8xf32>
  return %z, %cache : tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>
}
func.func @forward(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %cache: !deepseek.cache<key: 8 x f32>) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a:2 = call @layer.0(%x, %positions, %cache, %c0) : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<key: 8 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>)
  %b:2 = call @layer.1(%a#0, %positions, %a#1, %c1) : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<key: 8 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>)
  return %b#0, %b#1 : tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>
}
