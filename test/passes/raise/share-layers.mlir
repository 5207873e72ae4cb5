// Layers that differ in weights alone share a function, which reads stacks; one that is another stays apart.
// RUN: fathom-opt %s --verify-numerics-each --fathom-share-layers | FileCheck %s

// CHECK: deepseek.weight @layer.h.0.w : tensor<8x8xf32> layers [0, 1] from "h.{layer}.w" at [0, 0, 0, 256]
// CHECK: deepseek.weight @layer_2.h.2.w : tensor<8x8xf32> layers [2] from "h.{layer}.w" at [0, 512]
// CHECK-LABEL: func.func private @layer(
// CHECK-SAME: %[[LAYER:[a-z0-9]+]]: index)
// CHECK: deepseek.get_weight @layer.h.0.w[%[[LAYER]]]
// CHECK-LABEL: func.func private @layer_2(
// CHECK: arith.addf
// CHECK-LABEL: func.func @forward(
// CHECK: call @layer(%{{.*}}, %c0)
// CHECK: call @layer(%{{.*}}, %c1)
// CHECK: call @layer_2(%{{.*}}, %c2)
// CHECK-NOT: @layer.0
// CHECK-NOT: @layer.1
deepseek.weight @h.0.w : tensor<8x8xf32> from "h.0.w" at [0, 0]
deepseek.weight @h.1.w : tensor<8x8xf32> from "h.1.w" at [0, 256]
deepseek.weight @h.2.w : tensor<8x8xf32> from "h.2.w" at [0, 512]
func.func private @layer.0(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %cache: !deepseek.cache<key: 8 x f32>, %layer: index) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>) {
  %w = deepseek.get_weight @h.0.w : tensor<8x8xf32>
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %y, %cache : tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>
}
func.func private @layer.1(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %cache: !deepseek.cache<key: 8 x f32>, %layer: index) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>) {
  %w = deepseek.get_weight @h.1.w : tensor<8x8xf32>
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %y, %cache : tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>
}
func.func private @layer.2(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %cache: !deepseek.cache<key: 8 x f32>, %layer: index) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>) {
  %w = deepseek.get_weight @h.2.w : tensor<8x8xf32>
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %z = arith.addf %x, %y : tensor<?x8xf32>
  return %z, %cache : tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>
}
func.func @forward(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %cache: !deepseek.cache<key: 8 x f32>) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %a:2 = call @layer.0(%x, %positions, %cache, %c0) : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<key: 8 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>)
  %b:2 = call @layer.1(%a#0, %positions, %a#1, %c1) : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<key: 8 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>)
  %c:2 = call @layer.2(%b#0, %positions, %b#1, %c2) : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<key: 8 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>)
  return %c#0, %c#1 : tensor<?x8xf32>, !deepseek.cache<key: 8 x f32>
}
