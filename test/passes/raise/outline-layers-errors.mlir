// RUN: fathom-opt %s --fathom-outline-layers --verify-diagnostics

// Nothing is added to what the attention gives.
deepseek.weight @embedding : tensor<10x8xf32> from "embedding" at [0, 0]
deepseek.weight @square : tensor<8x8xf32> from "square" at [0, 320]
// expected-error @below {{has layers that are not what lies between two sums of one stream}}
func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %rows: tensor<?xi32>, %cache: !deepseek.cache<key: 8 x f32, value: 8 x f32>) -> (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32, value: 8 x f32>) {
  %c0 = arith.constant 0 : index
  %table = deepseek.get_weight @embedding : tensor<10x8xf32>
  %square = deepseek.get_weight @square : tensor<8x8xf32>
  %x = deepseek.embedding %tokens, %table : (tensor<?xi32>, tensor<10x8xf32>) -> tensor<?x8xf32>
  %q = deepseek.linear %x, %square : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %k = deepseek.cache_append %cache["key"][%c0], %x at %positions : <key: 8 x f32, value: 8 x f32>, tensor<?x8xf32> at tensor<?xi32>
  %v = deepseek.cache_append %k["value"][%c0], %x at %positions : <key: 8 x f32, value: 8 x f32>, tensor<?x8xf32> at tensor<?xi32>
  %y = deepseek.gqa_attention %q, %v[%c0] at %positions {head_dim = 8 : i64, num_heads = 1 : i64, num_kv_heads = 1 : i64, softmax_scale = 1.0 : f64} : (tensor<?x8xf32>, !deepseek.cache<key: 8 x f32, value: 8 x f32>, index, tensor<?xi32>) -> tensor<?x8xf32>
  return %y, %v : tensor<?x8xf32>, !deepseek.cache<key: 8 x f32, value: 8 x f32>
}
