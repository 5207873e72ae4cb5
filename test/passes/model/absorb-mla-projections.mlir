// Attention of the decode entry point works on latents; others keep the expanded form.
// RUN: fathom-opt %s --fathom-absorb-mla-projections | FileCheck %s
// RUN: fathom-opt %s --fathom-absorb-mla-projections --fathom-absorb-mla-projections | FileCheck %s
// RUN: fathom-opt %s --fathom-absorb-mla-projections --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @kv_b : tensor<22x12xbf16> layers [0] from "kv_b" at [0, 0]
deepseek.weight @kv_b8 : tensor<22x12xf8E4M3FN> from "kv_b8" at [0, 0]
deepseek.weight @kv_b8_scale : tensor<2x1xf32> scale from "kv_b8_scale" at [0, 0]
deepseek.recipe @table : tensor<16x2x2xf32> {
  %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<16x2x2xf32>
  deepseek.yield %t : tensor<16x2x2xf32>
}

// CHECK-LABEL: func.func @absorbs
// CHECK-SAME: (%[[Q:.*]]: tensor<?x20xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32>, %[[L:.*]]: index, %[[P:.*]]: tensor<?xi32>)
func.func @absorbs(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>) -> tensor<?x10xf32>
    attributes {deepseek.form = "absorbed"} {
  // CHECK: %[[W:.*]] = deepseek.get_weight @kv_b
  // CHECK: %[[T:.*]] = deepseek.get_weight @table
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  // CHECK-NEXT: %[[A:.*]] = deepseek.mla_absorb_query interleaved %[[Q]], %[[W]], %[[T]] at %[[P]]
  // CHECK-SAME: {nope_dim = 6 : i64, num_heads = 2 : i64, rope_dim = 4 : i64, value_dim = 5 : i64}
  // CHECK-SAME: -> tensor<?x32xf32>
  // CHECK-NEXT: %[[B:.*]] = deepseek.mla_latent_attention %[[A]], %[[C]][%[[L]]] at %[[P]]
  // CHECK-SAME: {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 5.000000e-01 : f64}
  // CHECK-SAME: -> tensor<?x24xf32>
  // CHECK-NEXT: %[[O:.*]] = deepseek.mla_expand_output %[[B]], %[[W]]
  // CHECK-SAME: {nope_dim = 6 : i64, num_heads = 2 : i64, value_dim = 5 : i64}
  // CHECK-NEXT: return %[[O]]
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// CHECK-LABEL: func.func @absorbs_quantized
func.func @absorbs_quantized(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>)
    -> tensor<?x10xf32> attributes {deepseek.form = "absorbed"} {
  %w = deepseek.get_weight @kv_b8 : tensor<22x12xf8E4M3FN>
  %s = deepseek.get_weight @kv_b8_scale : tensor<2x1xf32>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  // CHECK: deepseek.mla_absorb_query interleaved %{{.*}}, %{{.*}} scale %{{.*}} <16 x 128>,
  // CHECK: deepseek.mla_expand_output %{{.*}}, %{{.*}} scale %{{.*}} <16 x 128>
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w scale %s <16 x 128>, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xf8E4M3FN>, tensor<2x1xf32>, tensor<16x2x2xf32>,
         tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// CHECK-LABEL: func.func @keeps_expanded
func.func @keeps_expanded(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>)
    -> tensor<?x10xf32> attributes {deepseek.form = "expanded"} {
  // CHECK: deepseek.mla_attention
  // CHECK-NOT: deepseek.mla_absorb_query
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}
