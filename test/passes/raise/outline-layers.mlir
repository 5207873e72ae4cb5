// What lies between two sums of one stream becomes a function; what depends on no row is made in it.
// A function has another name where a weight has its own.
// RUN: fathom-opt %s --verify-numerics-each --fathom-outline-layers | FileCheck %s

// CHECK-LABEL: func.func private @layer.0_0(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x8xf32> {deepseek.input = "activation"}, %[[POSITIONS:[a-z0-9]+]]: tensor<?xi32> {deepseek.input = "positions"}, %[[CACHE:[a-z0-9]+]]: !deepseek.cache<key: 8 x f32, value: 8 x f32> {deepseek.input = "cache"}, %[[LAYER:[a-z0-9]+]]: index {deepseek.input = "layer"})
// CHECK: %[[W:.*]] = deepseek.get_weight @layer.0
// CHECK: deepseek.linear %[[X]], %[[W]]
// CHECK: deepseek.cache_append %[[CACHE]]["key"][%[[LAYER]]]
// CHECK: %[[SUM:.*]] = arith.addf %[[X]],
// CHECK: return %[[SUM]],
// CHECK-LABEL: func.func private @layer.1(
// CHECK: deepseek.get_weight @second
// CHECK-LABEL: func.func @forward(
// CHECK: %[[E:.*]] = deepseek.embedding
// CHECK: %[[FIRST:.*]]:2 = call @layer.0_0(%[[E]], %arg1, %arg3, %c0
// CHECK: deepseek.record_state %[[FIRST]]#0 layer 0
// CHECK: %[[SECOND:.*]]:2 = call @layer.1(%[[FIRST]]#0, %arg1, %[[FIRST]]#1, %c1
// CHECK: deepseek.record_state %[[SECOND]]#0 layer 1
// CHECK: return %{{.*}}, %[[SECOND]]#1
deepseek.weight @embedding : tensor<10x8xf32> from "embedding" at [0, 0]
deepseek.weight @layer.0 : tensor<8x8xf32> from "first" at [0, 0]
deepseek.weight @second : tensor<8x8xf32> from "second" at [0, 0]
func.func @forward(%tokens: tensor<?xi32> {deepseek.input = "tokens"}, %positions: tensor<?xi32> {deepseek.input = "positions"}, %rows: tensor<?xi32> {deepseek.input = "logit_row_ids"}, %cache: !deepseek.cache<key: 8 x f32, value: 8 x f32> {deepseek.input = "cache"}) -> (tensor<?x10xf32> {deepseek.output = "logits"}, !deepseek.cache<key: 8 x f32, value: 8 x f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %table = deepseek.get_weight @embedding : tensor<10x8xf32>
  %first = deepseek.get_weight @layer.0 : tensor<8x8xf32>
  %second = deepseek.get_weight @second : tensor<8x8xf32>
  %x = deepseek.embedding %tokens, %table : (tensor<?xi32>, tensor<10x8xf32>) -> tensor<?x8xf32>

  %q0 = deepseek.linear %x, %first : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %k0 = deepseek.cache_append %cache["key"][%c0], %q0 at %positions : <key: 8 x f32, value: 8 x f32>, tensor<?x8xf32> at tensor<?xi32>
  %v0 = deepseek.cache_append %k0["value"][%c0], %q0 at %positions : <key: 8 x f32, value: 8 x f32>, tensor<?x8xf32> at tensor<?xi32>
  %y0 = deepseek.gqa_attention %q0, %v0[%c0] at %positions {head_dim = 8 : i64, num_heads = 1 : i64, num_kv_heads = 1 : i64, softmax_scale = 1.0 : f64} : (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32, value: 8 x f32>, index, tensor<?xi32>) -> tensor<?x8xf32>
  %x0 = arith.addf %x, %y0 : tensor<?x8xf32>

  %q1 = deepseek.linear %x0, %second : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %k1 = deepseek.cache_append %v0["key"][%c1], %q1 at %positions : <key: 8 x f32, value: 8 x f32>, tensor<?x8xf32> at tensor<?xi32>
  %v1 = deepseek.cache_append %k1["value"][%c1], %q1 at %positions : <key: 8 x f32, value: 8 x f32>, tensor<?x8xf32> at tensor<?xi32>
  %y1 = deepseek.gqa_attention %q1, %v1[%c1] at %positions {head_dim = 8 : i64, num_heads = 1 : i64, num_kv_heads = 1 : i64, softmax_scale = 1.0 : f64} : (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32, value: 8 x f32>, index, tensor<?xi32>) -> tensor<?x8xf32>
  %x1 = arith.addf %x0, %y1 : tensor<?x8xf32>

  %wanted = deepseek.select_rows %x1, %rows : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %logits = deepseek.linear %wanted, %table : (tensor<?x8xf32>, tensor<10x8xf32>) -> tensor<?x10xf32>
  return %logits, %v1 : tensor<?x10xf32>, !deepseek.cache<key: 8 x f32, value: 8 x f32>
}
