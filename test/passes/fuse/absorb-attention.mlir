// A prompt's attention moves to the space of latents where the target has kernels for nothing else, and only for what
// these read.
// RUN: fathom-opt %s --fathom-attach-target=arch=sm_80 --fathom-absorb-attention | FileCheck %s
// RUN: fathom-opt %s --fathom-attach-target=arch=sm_80 --fathom-absorb-attention --fathom-absorb-attention | FileCheck %s
// RUN: fathom-opt %s --fathom-attach-target=arch=avx2 --fathom-absorb-attention | FileCheck %s --check-prefix=CPU
// RUN: fathom-opt %s --fathom-attach-target=arch=sm_80 --fathom-absorb-attention --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @kv_b : tensor<22x12xbf16> from "kv_b" at [0, 0]
deepseek.weight @half : tensor<22x12xf16> from "half" at [0, 0]
deepseek.recipe @table : tensor<16x2x2xf32> {
  %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<16x2x2xf32>
  deepseek.yield %t : tensor<16x2x2xf32>
}

// CPU-NOT: deepseek.mla_absorb_query
// CHECK-LABEL: func.func @absorbs
// CHECK-SAME: (%[[Q:.*]]: tensor<?x20xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32>, %[[L:.*]]: index, %[[P:.*]]: tensor<?xi32>)
func.func @absorbs(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>)
    -> tensor<?x10xf32> attributes {deepseek.form = "expanded"} {
  // CHECK: %[[W:.*]] = deepseek.get_weight @kv_b
  // CHECK: %[[T:.*]] = deepseek.get_weight @table
  %w = deepseek.get_weight @kv_b : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  // CHECK-NEXT: %[[A:.*]] = deepseek.mla_absorb_query interleaved %[[Q]], %[[W]], %[[T]] at %[[P]]
  // CHECK-NEXT: %[[B:.*]] = deepseek.mla_latent_attention %[[A]], %[[C]][%[[L]]] at %[[P]]
  // CHECK-NEXT: %[[O:.*]] = deepseek.mla_expand_output %[[B]], %[[W]]
  // CHECK-NEXT: return %[[O]]
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// CHECK-LABEL: func.func @keeps_what_has_no_kernels
func.func @keeps_what_has_no_kernels(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index,
                                     %p: tensor<?xi32>) -> tensor<?x10xf32> attributes {deepseek.form = "expanded"} {
  %w = deepseek.get_weight @half : tensor<22x12xf16>
  // CHECK: %[[T:.*]] = deepseek.get_weight @table
  // CHECK-NEXT: deepseek.mla_attention
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}
