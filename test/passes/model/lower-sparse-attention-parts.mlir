// Few rows of a long context select in parts: as many as the longest context has room for.
// RUN: fathom-opt %s --fathom-lower-sparse-attention --split-input-file | FileCheck %s
// RUN: fathom-opt %s --fathom-lower-sparse-attention --fathom-lower-sparse-attention --split-input-file | FileCheck %s
// RUN: fathom-opt %s --fathom-lower-sparse-attention --split-input-file --verify-numerics-each -o /dev/null 2>&1 | count 0

module attributes {deepseek.model = {family = "deepseek_v32", vocabulary = 40 : i64, hidden = 24 : i64, layers = 1 : i64,
                                     max_context = 2049 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>}} {
deepseek.weight @kv_b : tensor<22x12xbf16> layers [0] from "kv_b" at [0, 0]
deepseek.recipe @table : tensor<2049x2x2xf32> {
  %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<2049x2x2xf32>
  deepseek.yield %t : tensor<2049x2x2xf32>
}

// CHECK-LABEL: func.func @few_rows
// CHECK-SAME: (%[[Q:.*]]: tensor<?x20xf32>, %[[C:.*]]: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %[[L:.*]]: index, %[[IQ:.*]]: tensor<?x24xf32>, %[[IW:.*]]: tensor<?x3xf32>, %[[P:.*]]: tensor<?xi32>)
func.func @few_rows(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> attributes {deepseek.max_rows = 64 : i64} {
  // CHECK: %[[V:.*]], %[[I:.*]], %[[B:.*]] = deepseek.index_candidates %[[IQ]], %[[IW]], %[[C]][%[[L]]] at %[[P]]
  // CHECK-SAME: {head_dim = 8 : i64, num_heads = 3 : i64, parts = 3 : i64, top_k = 5 : i64}
  // CHECK-SAME: -> (tensor<?x15xf32>, tensor<?x15xi32>, tensor<?x3xf32>)
  // CHECK-NEXT: %[[S:.*]] = deepseek.index_merge %[[V]], %[[I]] within %[[B]] by %[[IQ]], %[[IW]], %[[C]][%[[L]]] at %[[P]]
  // CHECK-SAME: {head_dim = 8 : i64, num_heads = 3 : i64, parts = 3 : i64, top_k = 5 : i64}
  // CHECK-NEXT: deepseek.mla_absorb_query
  // CHECK-NEXT: deepseek.mla_latent_attention %{{.*}}, %[[C]][%[[L]]] select %[[S]] at %[[P]]
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<2049x2x2xf32>
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<2049x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// CHECK-LABEL: func.func @keeps_many_rows_whole
func.func @keeps_many_rows_whole(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> attributes {deepseek.max_rows = 65 : i64} {
  // CHECK-NOT: deepseek.index_candidates
  // CHECK: deepseek.index_select
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<2049x2x2xf32>
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<2049x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// Rows of a layer are those of the entry points that call it.
// CHECK-LABEL: func.func @has_no_more_parts_than_halve_candidates
func.func @has_no_more_parts_than_halve_candidates(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> attributes {deepseek.max_rows = 64 : i64} {
  // CHECK: deepseek.index_candidates {{.*}} parts = 2 : i64, top_k = 400 : i64
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<2049x2x2xf32>
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 400 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<2049x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// Rows of a layer are those of the entry points that call it.
// CHECK-LABEL: func.func {{.*}}@layer
func.func private @layer(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> {
  // CHECK: deepseek.index_candidates
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<2049x2x2xf32>
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<2049x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

func.func @decode(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32>
    attributes {deepseek.max_rows = 16 : i64} {
  %a = call @layer(%q, %c, %l, %iq, %iw, %p)
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// CHECK-LABEL: func.func {{.*}}@keeps_layer_of_many_rows_whole
func.func private @keeps_layer_of_many_rows_whole(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> {
  // CHECK-NOT: deepseek.index_candidates
  // CHECK: deepseek.index_select
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<2049x2x2xf32>
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<2049x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

func.func @draft(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32>
    attributes {deepseek.max_rows = 256 : i64} {
  %a = call @keeps_layer_of_many_rows_whole(%q, %c, %l, %iq, %iw, %p)
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}

// Nothing is known of its rows.
// CHECK-LABEL: func.func @keeps_unknown_rows_whole
func.func @keeps_unknown_rows_whole(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> {
  // CHECK-NOT: deepseek.index_candidates
  // CHECK: deepseek.index_select
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<2049x2x2xf32>
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<2049x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}
}

// -----

module attributes {deepseek.model = {family = "deepseek_v32", vocabulary = 40 : i64, hidden = 24 : i64, layers = 1 : i64,
                                     max_context = 1024 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>}} {
deepseek.weight @kv_b : tensor<22x12xbf16> layers [0] from "kv_b" at [0, 0]
deepseek.recipe @table : tensor<2049x2x2xf32> {
  %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<2049x2x2xf32>
  deepseek.yield %t : tensor<2049x2x2xf32>
}

// CHECK-LABEL: func.func @keeps_short_context_whole
func.func @keeps_short_context_whole(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> attributes {deepseek.max_rows = 16 : i64} {
  // CHECK-NOT: deepseek.index_candidates
  // CHECK: deepseek.index_select
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<2049x2x2xf32>
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<2049x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}
}

// -----

module attributes {deepseek.model = {family = "deepseek_v32", vocabulary = 40 : i64, hidden = 24 : i64, layers = 1 : i64,
                                     max_context = 163840 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>}} {
deepseek.weight @kv_b : tensor<22x12xbf16> layers [0] from "kv_b" at [0, 0]
deepseek.recipe @table : tensor<163840x2x2xf32> {
  %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<163840x2x2xf32>
  deepseek.yield %t : tensor<163840x2x2xf32>
}

// CHECK-LABEL: func.func @most_parts
func.func @most_parts(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                  %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>) -> tensor<?x10xf32> attributes {deepseek.max_rows = 16 : i64} {
  // CHECK: deepseek.index_candidates {{.*}} parts = 16 : i64
  %w = deepseek.get_weight @kv_b[%l] : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<163840x2x2xf32>
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<163840x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return %a : tensor<?x10xf32>
}
}
