// Attention of few rows to more keys than a part has is split, where there are kernels for parts.
// RUN: fathom-opt %s --fathom-attach-target=arch=sm_80 --fathom-split-attention | FileCheck %s
// RUN: fathom-opt %s --fathom-attach-target=arch=sm_80 --fathom-split-attention --fathom-split-attention | FileCheck %s
// RUN: fathom-opt %s --fathom-attach-target=arch=avx2 --fathom-split-attention | FileCheck %s --check-prefix=CPU
// RUN: fathom-opt %s --fathom-attach-target=arch=sm_80 --fathom-split-attention --verify-numerics-each -o /dev/null 2>&1 | count 0

// CPU-NOT: attention_combine
module attributes {deepseek.model = {family = "deepseek_v32", vocabulary = 40 : i64, hidden = 24 : i64, layers = 1 : i64,
                                     max_context = 16385 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>}} {
// CHECK-LABEL: func.func @few_rows
// CHECK-SAME: (%[[Q:.*]]: tensor<?x32xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32>, %[[L:.*]]: index, %[[P:.*]]: tensor<?xi32>)
func.func @few_rows(%q: tensor<?x32xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>)
    -> tensor<?x24xf32> attributes {deepseek.max_rows = 64 : i64} {
  // CHECK: %[[PARTS:.*]] = deepseek.mla_latent_attention %[[Q]], %[[C]][%[[L]]] at %[[P]]
  // CHECK-SAME: {num_heads = 2 : i64, parts = 128 : i64, rope_dim = 4 : i64, softmax_scale = 5.000000e-01 : f64}
  // CHECK-SAME: -> tensor<?x3584xf32>
  // CHECK-NEXT: %[[A:.*]] = deepseek.attention_combine %[[PARTS]] {num_heads = 2 : i64, parts = 128 : i64} : tensor<?x3584xf32> -> tensor<?x24xf32>
  // CHECK-NEXT: return %[[A]]
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x32xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return %a : tensor<?x24xf32>
}

// CHECK-LABEL: func.func @selection
func.func @selection(%q: tensor<?x32xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %s: tensor<?x700xi32>,
                     %p: tensor<?xi32>) -> tensor<?x24xf32> attributes {deepseek.max_rows = 16 : i64} {
  // CHECK: deepseek.mla_latent_attention {{.*}} select %{{.*}} parts = 6 : i64
  // CHECK-NEXT: deepseek.attention_combine
  %a = deepseek.mla_latent_attention %q, %c[%l] select %s at %p {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x32xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<?x700xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return %a : tensor<?x24xf32>
}

// Heads of all parts are 2048 at most.
// CHECK-LABEL: func.func @grouped
func.func @grouped(%q: tensor<?x192xf32>, %c: !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>, %l: index,
                   %p: tensor<?xi32>) -> tensor<?x192xf32> attributes {deepseek.max_rows = 16 : i64} {
  // CHECK: deepseek.gqa_attention {{.*}} parts = 42 : i64
  // CHECK-NEXT: deepseek.attention_combine {{.*}} {num_heads = 48 : i64, parts = 42 : i64} : tensor<?x12096xf32> -> tensor<?x192xf32>
  %a = deepseek.gqa_attention %q, %c[%l] at %p {num_heads = 48 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x192xf32>, !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>, index, tensor<?xi32>) -> tensor<?x192xf32>
  return %a : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @keeps_many_rows_whole
func.func @keeps_many_rows_whole(%q: tensor<?x32xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>)
    -> tensor<?x24xf32> attributes {deepseek.max_rows = 65 : i64} {
  // CHECK-NOT: deepseek.attention_combine
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x32xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return %a : tensor<?x24xf32>
}

// CHECK-LABEL: func.func @keeps_short_context_whole
func.func @keeps_short_context_whole(%q: tensor<?x32xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>)
    -> tensor<?x24xf32> attributes {deepseek.max_rows = 16 : i64, deepseek.max_positions = 128 : i64} {
  // CHECK-NOT: deepseek.attention_combine
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x32xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return %a : tensor<?x24xf32>
}

// Nothing is known of its rows.
// CHECK-LABEL: func.func @keeps_unknown_rows_whole
func.func @keeps_unknown_rows_whole(%q: tensor<?x32xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>)
    -> tensor<?x24xf32> {
  // CHECK-NOT: deepseek.attention_combine
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x32xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return %a : tensor<?x24xf32>
}
}
