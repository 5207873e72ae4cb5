// Sparse attention selects positions and attends to these, but where rows have no more than it may select.
// RUN: fathom-opt %s --fathom-lower-sparse-attention --split-input-file | FileCheck %s
// RUN: fathom-opt %s --fathom-lower-sparse-attention --fathom-lower-sparse-attention --split-input-file | FileCheck %s
// RUN: fathom-opt %s --fathom-lower-sparse-attention --split-input-file --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @kv_b : tensor<22x12xbf16> layers [0] from "kv_b" at [0, 0]
deepseek.recipe @table : tensor<32x2x2xf32> {
  %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<32x2x2xf32>
  deepseek.yield %t : tensor<32x2x2xf32>
}

// CHECK-LABEL: func.func @selects
// CHECK-SAME: (%[[Q:.*]]: tensor<?x20xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %[[L:.*]]: index, %[[IQ:.*]]: tensor<?x24xf32>, %[[IW:.*]]: tensor<?x3xf32>, %[[P:.*]]: tensor<?xi32>)
func.func @selects(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> {
  // CHECK: %[[W:.*]] = deepseek.get_weight @kv_b
  // CHECK: %[[T:.*]] = deepseek.get_weight @table
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<32x2x2xf32>
  // CHECK-NEXT: %[[S:.*]] = deepseek.index_select %[[IQ]], %[[IW]], %[[C]][%[[L]]] at %[[P]]
  // CHECK-SAME: {head_dim = 8 : i64, num_heads = 3 : i64, top_k = 5 : i64}
  // CHECK-SAME: -> tensor<?x5xi32>
  // CHECK-NEXT: %[[A:.*]] = deepseek.mla_absorb_query interleaved %[[Q]], %[[W]], %[[T]] at %[[P]]
  // CHECK-NEXT: %[[B:.*]] = deepseek.mla_latent_attention %[[A]], %[[C]][%[[L]]] select %[[S]] at %[[P]]
  // CHECK-SAME: {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 5.000000e-01 : f64}
  // CHECK-NEXT: %[[O:.*]] = deepseek.mla_expand_output %[[B]], %[[W]]
  // CHECK-NEXT: return %[[O]]
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<32x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// CHECK-LABEL: func.func @selects_in_expanded_form
// CHECK-SAME: (%[[Q:.*]]: tensor<?x20xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %[[L:.*]]: index, %[[IQ:.*]]: tensor<?x24xf32>, %[[IW:.*]]: tensor<?x3xf32>, %[[P:.*]]: tensor<?xi32>)
func.func @selects_in_expanded_form(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> attributes {deepseek.form = "expanded", deepseek.max_positions = 6 : i64} {
  // CHECK: %[[W:.*]] = deepseek.get_weight @kv_b
  // CHECK: %[[T:.*]] = deepseek.get_weight @table
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<32x2x2xf32>
  // CHECK: deepseek.index_select
  // CHECK: deepseek.mla_latent_attention %{{.*}} select
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<32x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// CHECK-LABEL: func.func @dense_up_to_top_k
// CHECK-SAME: (%[[Q:.*]]: tensor<?x20xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %[[L:.*]]: index, %[[IQ:.*]]: tensor<?x24xf32>, %[[IW:.*]]: tensor<?x3xf32>, %[[P:.*]]: tensor<?xi32>)
func.func @dense_up_to_top_k(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> attributes {deepseek.form = "expanded", deepseek.max_positions = 5 : i64} {
  // CHECK: %[[W:.*]] = deepseek.get_weight @kv_b
  // CHECK: %[[T:.*]] = deepseek.get_weight @table
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<32x2x2xf32>
  // CHECK-NEXT: %[[O:.*]] = deepseek.mla_attention interleaved %[[Q]], %[[C]][%[[L]]], %[[W]], %[[T]] at %[[P]]
  // CHECK-SAME: {nope_dim = 6 : i64, num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 5.000000e-01 : f64, value_dim = 5 : i64}
  // CHECK-NEXT: return %[[O]]
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<32x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// -----

module attributes {deepseek.model = {family = "deepseek_v32", vocabulary = 40 : i64, hidden = 24 : i64, layers = 1 : i64,
                                     max_context = 5 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>}} {
  deepseek.weight @kv_b : tensor<22x12xbf16> layers [0] from "kv_b" at [0, 0]
  deepseek.recipe @table : tensor<32x2x2xf32> {
    %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<32x2x2xf32>
    deepseek.yield %t : tensor<32x2x2xf32>
  }

// CHECK-LABEL: func.func @dense_in_a_short_context
// CHECK-SAME: (%[[Q:.*]]: tensor<?x20xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %[[L:.*]]: index, %[[IQ:.*]]: tensor<?x24xf32>, %[[IW:.*]]: tensor<?x3xf32>, %[[P:.*]]: tensor<?xi32>)
  func.func @dense_in_a_short_context(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                    %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> {
    // CHECK: %[[W:.*]] = deepseek.get_weight @kv_b
    // CHECK: %[[T:.*]] = deepseek.get_weight @table
    %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
    %t = deepseek.get_weight @table : tensor<32x2x2xf32>
    // CHECK-NEXT: %[[O:.*]] = deepseek.mla_attention interleaved %[[Q]], %[[C]][%[[L]]], %[[W]], %[[T]] at %[[P]]
    // CHECK-SAME: {nope_dim = 6 : i64, num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 5.000000e-01 : f64, value_dim = 5 : i64}
    // CHECK-NEXT: return %[[O]]
    %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
        {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
         index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
        : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<32x2x2xf32>,
           tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
    return %a : tensor<?x10xf32>
  }
}

// -----

module attributes {deepseek.model = {family = "deepseek_v32", vocabulary = 40 : i64, hidden = 24 : i64, layers = 1 : i64,
                                     max_context = 6 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>}} {
  deepseek.weight @kv_b : tensor<22x12xbf16> layers [0] from "kv_b" at [0, 0]
  deepseek.recipe @table : tensor<32x2x2xf32> {
    %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<32x2x2xf32>
    deepseek.yield %t : tensor<32x2x2xf32>
  }

// CHECK-LABEL: func.func @selects_in_a_longer_context
// CHECK-SAME: (%[[Q:.*]]: tensor<?x20xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %[[L:.*]]: index, %[[IQ:.*]]: tensor<?x24xf32>, %[[IW:.*]]: tensor<?x3xf32>, %[[P:.*]]: tensor<?xi32>)
  func.func @selects_in_a_longer_context(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                    %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> {
    // CHECK: %[[W:.*]] = deepseek.get_weight @kv_b
    // CHECK: %[[T:.*]] = deepseek.get_weight @table
    %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
    %t = deepseek.get_weight @table : tensor<32x2x2xf32>
    // CHECK: deepseek.index_select
    %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
        {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
         index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
        : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<32x2x2xf32>,
           tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
    return %a : tensor<?x10xf32>
  }
}
