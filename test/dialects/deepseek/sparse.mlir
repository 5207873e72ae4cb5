// What makes latent attention sparse prints as it is read.
// RUN: fathom-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @index
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<8xbf16>, %[[B:.*]]: tensor<8xf32>, %[[T:.*]]: tensor<16x2x2xf32>, %[[P:.*]]: tensor<?xi32>)
func.func @index(%x: tensor<?x8xf32>, %w: tensor<8xbf16>, %b: tensor<8xf32>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>)
    -> tensor<?x8xf32> {
  // CHECK: %[[N:.*]] = deepseek.layer_norm %[[X]], %[[W]], %[[B]] eps 5.000000e-01 : tensor<?x8xf32>, tensor<8xbf16>, tensor<8xf32>
  %n = deepseek.layer_norm %x, %w, %b eps 0.5 : tensor<?x8xf32>, tensor<8xbf16>, tensor<8xf32>
  // CHECK: %[[R:.*]] = deepseek.rope half_split %[[N]], %[[T]] at %[[P]] {head_dim = 8 : i64} : tensor<?x8xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %r = deepseek.rope half_split %n, %t at %p {head_dim = 8 : i64} : tensor<?x8xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  // CHECK: deepseek.hadamard %[[R]] {head_dim = 4 : i64} : tensor<?x8xf32>
  %h = deepseek.hadamard %r {head_dim = 4 : i64} : tensor<?x8xf32>
  return %h : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @select
// CHECK-SAME: (%[[Q:.*]]: tensor<?x32xf32>, %[[IQ:.*]]: tensor<?x24xf32>, %[[IW:.*]]: tensor<?x3xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %[[L:.*]]: index, %[[P:.*]]: tensor<?xi32>)
func.func @select(%q: tensor<?x32xf32>, %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>,
                  %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index, %p: tensor<?xi32>) -> tensor<?x24xf32> {
  // CHECK: %[[S:.*]] = deepseek.index_select %[[IQ]], %[[IW]], %[[C]][%[[L]]] at %[[P]] {head_dim = 8 : i64, num_heads = 3 : i64, top_k = 5 : i64} : {{.*}} -> tensor<?x5xi32>
  %s = deepseek.index_select %iq, %iw, %c[%l] at %p {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x24xf32>, tensor<?x3xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<?xi32>)
      -> tensor<?x5xi32>
  // CHECK: deepseek.mla_latent_attention %[[Q]], %[[C]][%[[L]]] select %[[S]] at %[[P]] {{.*}} -> tensor<?x24xf32>
  %a = deepseek.mla_latent_attention %q, %c[%l] select %s at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x32xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<?x5xi32>, tensor<?xi32>)
      -> tensor<?x24xf32>
  return %a : tensor<?x24xf32>
}

// CHECK-LABEL: func.func @select_in_parts
// CHECK-SAME: (%[[IQ:.*]]: tensor<?x24xf32>, %[[IW:.*]]: tensor<?x3xf32>, %[[C:.*]]: !deepseek.cache<index: 8 x f32>, %[[L:.*]]: index, %[[P:.*]]: tensor<?xi32>)
func.func @select_in_parts(%iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %c: !deepseek.cache<index: 8 x f32>, %l: index,
                           %p: tensor<?xi32>) -> tensor<?x5xi32> {
  // CHECK: %[[V:.*]], %[[I:.*]], %[[B:.*]] = deepseek.index_candidates %[[IQ]], %[[IW]], %[[C]][%[[L]]] at %[[P]] {head_dim = 8 : i64, num_heads = 3 : i64, parts = 4 : i64, top_k = 5 : i64} : {{.*}} -> (tensor<?x20xf32>, tensor<?x20xi32>, tensor<?x4xf32>)
  %v, %i, %b = deepseek.index_candidates %iq, %iw, %c[%l] at %p
      {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64, parts = 4 : i64}
      : (tensor<?x24xf32>, tensor<?x3xf32>, !deepseek.cache<index: 8 x f32>, index, tensor<?xi32>)
      -> (tensor<?x20xf32>, tensor<?x20xi32>, tensor<?x4xf32>)
  // CHECK: deepseek.index_merge %[[V]], %[[I]] within %[[B]] by %[[IQ]], %[[IW]], %[[C]][%[[L]]] at %[[P]] {head_dim = 8 : i64, num_heads = 3 : i64, parts = 4 : i64, top_k = 5 : i64} : {{.*}} -> tensor<?x5xi32>
  %s = deepseek.index_merge %v, %i within %b by %iq, %iw, %c[%l] at %p
      {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64, parts = 4 : i64}
      : (tensor<?x20xf32>, tensor<?x20xi32>, tensor<?x4xf32>, tensor<?x24xf32>, tensor<?x3xf32>,
         !deepseek.cache<index: 8 x f32>, index, tensor<?xi32>) -> tensor<?x5xi32>
  return %s : tensor<?x5xi32>
}

// CHECK-LABEL: func.func @attention
// CHECK-SAME: (%[[Q:.*]]: tensor<?x20xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %[[L:.*]]: index, %[[W:.*]]: tensor<22x12xf8E4M3FN>, %[[S:.*]]: tensor<1x1xf32>, %[[T:.*]]: tensor<16x2x2xf32>, %[[IQ:.*]]: tensor<?x24xf32>, %[[IW:.*]]: tensor<?x3xf32>, %[[P:.*]]: tensor<?xi32>)
func.func @attention(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                     %w: tensor<22x12xf8E4M3FN>, %s: tensor<1x1xf32>, %t: tensor<16x2x2xf32>, %iq: tensor<?x24xf32>,
                     %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> {
  // CHECK: deepseek.sparse_attention interleaved %[[Q]], %[[C]][%[[L]]], %[[W]] scale %[[S]] <128 x 128>, %[[T]] index %[[IQ]], %[[IW]] at %[[P]] {index_dim = 8 : i64, index_heads = 3 : i64, {{.*}}, top_k = 5 : i64, value_dim = 5 : i64} :
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w scale %s <128 x 128>, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xf8E4M3FN>, tensor<1x1xf32>,
         tensor<16x2x2xf32>, tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}
