// Rotation, the cache and attention print as they are read.
// RUN: fathom-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @cache
// CHECK-SAME: (%[[X:.*]]: tensor<?x12xf32>, %[[T:[^:]*]]: tensor<16x2x2xf32>, %[[P:[^:]*]]: tensor<?xi32>, %[[W:[^:]*]]: tensor<8xbf16>, %[[C:.*]]: !deepseek.cache<latent: 12 x f32>, %[[L:[^:]*]]: index,
func.func @cache(%x: tensor<?x12xf32>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>, %w: tensor<8xbf16>,
                 %c: !deepseek.cache<latent: 12 x f32>, %l: index, %latent: tensor<?x8xf32>, %pe: tensor<?x4xf32>)
    -> !deepseek.cache<latent: 12 x f32> {
  // Three heads of four numbers.
  // CHECK: deepseek.rope half_split %[[X]], %[[T]] at %[[P]] : tensor<?x12xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %heads = deepseek.rope half_split %x, %t at %p : tensor<?x12xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  // CHECK: %[[K:.*]] = deepseek.rope interleaved %{{.*}}, %[[T]] at %[[P]] : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %k = deepseek.rope interleaved %pe, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  // CHECK: deepseek.rope half_split %[[K]], %[[T]] at %[[P]]
  %h = deepseek.rope half_split %k, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  // CHECK: %[[D:.*]] = deepseek.cache_append %[[C]]["latent"][%[[L]]], %{{.*}}, %{{.*}} at %[[P]] : <latent: 12 x f32>, tensor<?x8xf32>, tensor<?x4xf32> at tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %latent, %h at %p
      : !deepseek.cache<latent: 12 x f32>, tensor<?x8xf32>, tensor<?x4xf32> at tensor<?xi32>
  // CHECK: deepseek.mla_append interleaved %[[D]][%[[L]]], %[[X]], %[[W]], %[[T]] at %[[P]] eps 5.000000e-01 : <latent: 12 x f32>
  %e = deepseek.mla_append interleaved %d[%l], %x, %w, %t at %p eps 0.5
      : !deepseek.cache<latent: 12 x f32>, tensor<?x12xf32>, tensor<8xbf16>, tensor<16x2x2xf32>, tensor<?xi32>
  return %e : !deepseek.cache<latent: 12 x f32>
}

// CHECK-LABEL: func.func @attention
// CHECK-SAME: (%[[Q:.*]]: tensor<?x20xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32>, %[[L:.*]]: index, %[[W:.*]]: tensor<22x12xbf16>, %[[T:.*]]: tensor<16x2x2xf32>, %[[P:.*]]: tensor<?xi32>)
func.func @attention(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %w: tensor<22x12xbf16>,
                     %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) -> (tensor<?x10xf32>, tensor<?x10xf32>) {
  // CHECK: deepseek.mla_attention interleaved %[[Q]], %[[C]][%[[L]]], %[[W]], %[[T]] at %[[P]] {nope_dim = 6 : i64, num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 5.000000e-01 : f64, value_dim = 5 : i64} :
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  // CHECK: %[[A:.*]] = deepseek.mla_absorb_query interleaved %[[Q]], %[[W]], %[[T]] at %[[P]] {{.*}} -> tensor<?x32xf32>
  %absorbed = deepseek.mla_absorb_query interleaved %q, %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64}
      : (tensor<?x20xf32>, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  // CHECK: %[[B:.*]] = deepseek.mla_latent_attention %[[A]], %[[C]][%[[L]]] at %[[P]] {{.*}} -> tensor<?x24xf32>
  %attended = deepseek.mla_latent_attention %absorbed, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x32xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  // CHECK: deepseek.mla_expand_output %[[B]], %[[W]] {{.*}} -> tensor<?x10xf32>
  %b = deepseek.mla_expand_output %attended, %w {num_heads = 2 : i64, nope_dim = 6 : i64, value_dim = 5 : i64}
      : (tensor<?x24xf32>, tensor<22x12xbf16>) -> tensor<?x10xf32>
  return %a, %b : tensor<?x10xf32>, tensor<?x10xf32>
}

// CHECK-LABEL: func.func @quantized
func.func @quantized(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %w: tensor<22x12xf8E4M3FN>,
                     %s: tensor<1x1xf32>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> {
  // CHECK: deepseek.mla_attention interleaved %{{.*}}, %{{.*}}[%{{.*}}], %{{.*}} scale %{{.*}} <128 x 128>, %{{.*}} at %{{.*}} {
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w scale %s <128 x 128>, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xf8E4M3FN>, tensor<1x1xf32>, tensor<16x2x2xf32>,
         tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// CHECK-LABEL: func.func @grouped
// CHECK-SAME: (%[[Q:.*]]: tensor<?x24xf32>, %[[C:.*]]: !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>, %[[L:.*]]: index, %[[P:.*]]: tensor<?xi32>)
func.func @grouped(%q: tensor<?x24xf32>, %c: !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>, %l: index, %p: tensor<?xi32>) -> tensor<?x24xf32> {
  // CHECK: deepseek.gqa_attention %[[Q]], %[[C]][%[[L]]] at %[[P]] {head_dim = 4 : i64, num_heads = 6 : i64, num_kv_heads = 2 : i64, softmax_scale = 5.000000e-01 : f64} :
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return %a : tensor<?x24xf32>
}

// Attention in parts, of bf16 to f32 and back.
// CHECK-LABEL: func.func @parts
// CHECK-SAME: (%[[Q:.*]]: tensor<?x24xbf16>, %[[A:.*]]: tensor<?x32xbf16>, %[[C:.*]]: !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32, latent: 16 x f32>, %[[L:.*]]: index, %[[S:.*]]: tensor<?x5xi32>, %[[P:.*]]: tensor<?xi32>)
func.func @parts(%q: tensor<?x24xbf16>, %a: tensor<?x32xbf16>, %c: !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32, latent: 16 x f32>,
                 %l: index, %s: tensor<?x5xi32>, %p: tensor<?xi32>) -> (tensor<?x24xbf16>, tensor<?x84xf32>, tensor<?x84xf32>) {
  // CHECK: %[[G:.*]] = deepseek.gqa_attention %[[Q]], %[[C]][%[[L]]] at %[[P]] {{.*}} parts = 3 : i64, {{.*}} -> tensor<?x108xf32>
  %g = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64, parts = 3 : i64}
      : (tensor<?x24xbf16>, !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32, latent: 16 x f32>, index, tensor<?xi32>) -> tensor<?x108xf32>
  // CHECK: deepseek.attention_combine %[[G]] {num_heads = 6 : i64, parts = 3 : i64} : tensor<?x108xf32> -> tensor<?x24xbf16>
  %b = deepseek.attention_combine %g {num_heads = 6 : i64, parts = 3 : i64} : tensor<?x108xf32> -> tensor<?x24xbf16>
  // CHECK: deepseek.mla_latent_attention %[[A]], %[[C]][%[[L]]] at %[[P]] {{.*}} parts = 3 : i64, {{.*}} -> tensor<?x84xf32>
  %d = deepseek.mla_latent_attention %a, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64, parts = 3 : i64}
      : (tensor<?x32xbf16>, !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32, latent: 16 x f32>, index, tensor<?xi32>) -> tensor<?x84xf32>
  // CHECK: deepseek.mla_latent_attention %[[A]], %[[C]][%[[L]]] select %[[S]] at %[[P]] {{.*}} parts = 3 : i64, {{.*}} -> tensor<?x84xf32>
  %e = deepseek.mla_latent_attention %a, %c[%l] select %s at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64, parts = 3 : i64}
      : (tensor<?x32xbf16>, !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32, latent: 16 x f32>, index, tensor<?x5xi32>, tensor<?xi32>) -> tensor<?x84xf32>
  return %b, %d, %e : tensor<?x24xbf16>, tensor<?x84xf32>, tensor<?x84xf32>
}

// Stores of other numbers; a tail is of bf16.
// CHECK-LABEL: func.func @stores
// CHECK-SAME: !deepseek.cache<key: 2 x 128 x bf16, latent: 512 x f8E4M3FN + 64 x bf16, index: 128 x f8E4M3FN>
func.func @stores(%c: !deepseek.cache<key: 2 x 128 x bf16, latent: 512 x f8E4M3FN + 64 x bf16, index: 128 x f8E4M3FN>) {
  // CHECK: #deepseek.store<"latent", width = 576, element = f8E4M3FN, tail = 64>
  return {store = #deepseek.store<"latent", width = 576, element = f8E4M3FN, tail = 64>}
}
