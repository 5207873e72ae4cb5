// Each constraint of what makes latent attention sparse, broken once.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @layer_norm_c1_weight(%x: tensor<?x8xf32>, %w: tensor<4xbf16>, %b: tensor<8xf32>) {
  // expected-error @+1 {{'deepseek.layer_norm' op expects a weight of shape [8], but got 'tensor<4xbf16>'}}
  %n = deepseek.layer_norm %x, %w, %b eps 0.5 : tensor<?x8xf32>, tensor<4xbf16>, tensor<8xf32>
  return
}

// -----

func.func @layer_norm_c1_bias(%x: tensor<?x8xf32>, %w: tensor<8xbf16>, %b: tensor<4xf32>) {
  // expected-error @+1 {{'deepseek.layer_norm' op expects a bias of shape [8], but got 'tensor<4xf32>'}}
  %n = deepseek.layer_norm %x, %w, %b eps 0.5 : tensor<?x8xf32>, tensor<8xbf16>, tensor<4xf32>
  return
}

// -----

func.func @layer_norm_c2(%x: tensor<?x8xf32>, %w: tensor<8xbf16>, %b: tensor<8xf32>) {
  // expected-error @+1 {{'deepseek.layer_norm' op expects a finite eps of 0 or more, but got -5.000000e-01}}
  %n = deepseek.layer_norm %x, %w, %b eps -0.5 : tensor<?x8xf32>, tensor<8xbf16>, tensor<8xf32>
  return
}

// -----

func.func @rope_c2_narrow(%x: tensor<?x8xf32>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.rope' op expects a head_dim of 4 or more, but got 2}}
  %r = deepseek.rope half_split %x, %t at %p {head_dim = 2 : i64} : tensor<?x8xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  return
}

// -----

func.func @rope_c2_width(%x: tensor<?x12xf32>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.rope' op expects heads of 8 numbers, but got a row of 12}}
  %r = deepseek.rope half_split %x, %t at %p {head_dim = 8 : i64} : tensor<?x12xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  return
}

// -----

func.func @hadamard_c1_power(%x: tensor<?x12xf32>) {
  // expected-error @+1 {{'deepseek.hadamard' op expects heads of a power of two that make up 12 numbers, but got a head_dim of 6}}
  %h = deepseek.hadamard %x {head_dim = 6 : i64} : tensor<?x12xf32>
  return
}

// -----

func.func @hadamard_c1_width(%x: tensor<?x12xf32>) {
  // expected-error @+1 {{'deepseek.hadamard' op expects heads of a power of two that make up 12 numbers, but got a head_dim of 8}}
  %h = deepseek.hadamard %x {head_dim = 8 : i64} : tensor<?x12xf32>
  return
}

// -----

func.func @index_select_c1_query(%q: tensor<?x25xf32>, %w: tensor<?x3xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_select' op expects an index query of 24 numbers, but got 'tensor<?x25xf32>'}}
  %s = deepseek.index_select %q, %w, %c[%l] at %p {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x25xf32>, tensor<?x3xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<?xi32>)
      -> tensor<?x5xi32>
  return
}

// -----

func.func @index_select_c1_weights(%q: tensor<?x24xf32>, %w: tensor<?x4xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_select' op expects index weights of 3 numbers, but got 'tensor<?x4xf32>'}}
  %s = deepseek.index_select %q, %w, %c[%l] at %p {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x24xf32>, tensor<?x4xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<?xi32>)
      -> tensor<?x5xi32>
  return
}

// -----

func.func @index_select_c1_no_store(%q: tensor<?x24xf32>, %w: tensor<?x3xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_select' op expects a store "index" of 8 numbers, but got '!deepseek.cache<latent: 16 x f32>'}}
  %s = deepseek.index_select %q, %w, %c[%l] at %p {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x24xf32>, tensor<?x3xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<?xi32>)
      -> tensor<?x5xi32>
  return
}

// -----

func.func @index_select_c1_store(%q: tensor<?x24xf32>, %w: tensor<?x3xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 9 x f32>, %l: index,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_select' op expects a store "index" of 8 numbers, but got '!deepseek.cache<latent: 16 x f32, index: 9 x f32>'}}
  %s = deepseek.index_select %q, %w, %c[%l] at %p {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x24xf32>, tensor<?x3xf32>, !deepseek.cache<latent: 16 x f32, index: 9 x f32>, index, tensor<?xi32>)
      -> tensor<?x5xi32>
  return
}

// -----

func.func @index_select_c2(%q: tensor<?x24xf32>, %w: tensor<?x3xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_select' op expects a selection of 5 numbers, but got 'tensor<?x6xi32>'}}
  %s = deepseek.index_select %q, %w, %c[%l] at %p {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x24xf32>, tensor<?x3xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<?xi32>)
      -> tensor<?x6xi32>
  return
}

// -----

func.func @index_candidates_c1(%q: tensor<?x25xf32>, %w: tensor<?x3xf32>, %c: !deepseek.cache<index: 8 x f32>, %l: index,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_candidates' op expects an index query of 24 numbers, but got 'tensor<?x25xf32>'}}
  %v, %i, %b = deepseek.index_candidates %q, %w, %c[%l] at %p
      {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64, parts = 4 : i64}
      : (tensor<?x25xf32>, tensor<?x3xf32>, !deepseek.cache<index: 8 x f32>, index, tensor<?xi32>)
      -> (tensor<?x20xf32>, tensor<?x20xi32>, tensor<?x4xf32>)
  return
}

// -----

func.func @index_candidates_c2_scores(%q: tensor<?x24xf32>, %w: tensor<?x3xf32>, %c: !deepseek.cache<index: 8 x f32>, %l: index,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_candidates' op expects scores of 20 numbers, but got 'tensor<?x5xf32>'}}
  %v, %i, %b = deepseek.index_candidates %q, %w, %c[%l] at %p
      {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64, parts = 4 : i64}
      : (tensor<?x24xf32>, tensor<?x3xf32>, !deepseek.cache<index: 8 x f32>, index, tensor<?xi32>)
      -> (tensor<?x5xf32>, tensor<?x20xi32>, tensor<?x4xf32>)
  return
}

// -----

func.func @index_candidates_c2_ids(%q: tensor<?x24xf32>, %w: tensor<?x3xf32>, %c: !deepseek.cache<index: 8 x f32>, %l: index,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_candidates' op expects ids of 20 numbers, but got 'tensor<?x21xi32>'}}
  %v, %i, %b = deepseek.index_candidates %q, %w, %c[%l] at %p
      {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64, parts = 4 : i64}
      : (tensor<?x24xf32>, tensor<?x3xf32>, !deepseek.cache<index: 8 x f32>, index, tensor<?xi32>)
      -> (tensor<?x20xf32>, tensor<?x21xi32>, tensor<?x4xf32>)
  return
}

// -----

func.func @index_merge_c1_query(%v: tensor<?x20xf32>, %i: tensor<?x20xi32>, %b: tensor<?x4xf32>, %q: tensor<?x25xf32>,
                        %w: tensor<?x3xf32>, %c: !deepseek.cache<index: 8 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_merge' op expects an index query of 24 numbers, but got 'tensor<?x25xf32>'}}
  %s = deepseek.index_merge %v, %i within %b by %q, %w, %c[%l] at %p
      {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64, parts = 4 : i64}
      : (tensor<?x20xf32>, tensor<?x20xi32>, tensor<?x4xf32>, tensor<?x25xf32>, tensor<?x3xf32>,
         !deepseek.cache<index: 8 x f32>, index, tensor<?xi32>) -> tensor<?x5xi32>
  return
}

// -----

func.func @index_merge_c1_scores(%v: tensor<?x16xf32>, %i: tensor<?x20xi32>, %b: tensor<?x4xf32>, %q: tensor<?x24xf32>,
                        %w: tensor<?x3xf32>, %c: !deepseek.cache<index: 8 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_merge' op expects scores of 20 numbers, but got 'tensor<?x16xf32>'}}
  %s = deepseek.index_merge %v, %i within %b by %q, %w, %c[%l] at %p
      {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64, parts = 4 : i64}
      : (tensor<?x16xf32>, tensor<?x20xi32>, tensor<?x4xf32>, tensor<?x24xf32>, tensor<?x3xf32>,
         !deepseek.cache<index: 8 x f32>, index, tensor<?xi32>) -> tensor<?x5xi32>
  return
}

// -----

func.func @index_merge_c1_ids(%v: tensor<?x20xf32>, %i: tensor<?x16xi32>, %b: tensor<?x4xf32>, %q: tensor<?x24xf32>,
                        %w: tensor<?x3xf32>, %c: !deepseek.cache<index: 8 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_merge' op expects ids of 20 numbers, but got 'tensor<?x16xi32>'}}
  %s = deepseek.index_merge %v, %i within %b by %q, %w, %c[%l] at %p
      {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64, parts = 4 : i64}
      : (tensor<?x20xf32>, tensor<?x16xi32>, tensor<?x4xf32>, tensor<?x24xf32>, tensor<?x3xf32>,
         !deepseek.cache<index: 8 x f32>, index, tensor<?xi32>) -> tensor<?x5xi32>
  return
}

// -----

func.func @index_merge_c1_bounds(%v: tensor<?x20xf32>, %i: tensor<?x20xi32>, %b: tensor<?x5xf32>, %q: tensor<?x24xf32>,
                        %w: tensor<?x3xf32>, %c: !deepseek.cache<index: 8 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_merge' op expects bounds of 4 numbers, but got 'tensor<?x5xf32>'}}
  %s = deepseek.index_merge %v, %i within %b by %q, %w, %c[%l] at %p
      {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64, parts = 4 : i64}
      : (tensor<?x20xf32>, tensor<?x20xi32>, tensor<?x5xf32>, tensor<?x24xf32>, tensor<?x3xf32>,
         !deepseek.cache<index: 8 x f32>, index, tensor<?xi32>) -> tensor<?x5xi32>
  return
}

// -----

func.func @index_merge_c2(%v: tensor<?x20xf32>, %i: tensor<?x20xi32>, %b: tensor<?x4xf32>, %q: tensor<?x24xf32>,
                        %w: tensor<?x3xf32>, %c: !deepseek.cache<index: 8 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.index_merge' op expects a selection of 5 numbers, but got 'tensor<?x4xi32>'}}
  %s = deepseek.index_merge %v, %i within %b by %q, %w, %c[%l] at %p
      {num_heads = 3 : i64, head_dim = 8 : i64, top_k = 5 : i64, parts = 4 : i64}
      : (tensor<?x20xf32>, tensor<?x20xi32>, tensor<?x4xf32>, tensor<?x24xf32>, tensor<?x3xf32>,
         !deepseek.cache<index: 8 x f32>, index, tensor<?xi32>) -> tensor<?x4xi32>
  return
}

// -----

func.func @sparse_attention_c1(%q: tensor<?x21xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                        %w: tensor<22x12xbf16>, %t: tensor<16x2x2xf32>, %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.sparse_attention' op expects a query of 20 numbers, but got 'tensor<?x21xf32>'}}
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x21xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return
}

// -----

func.func @sparse_attention_c2(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                        %w: tensor<22x12xbf16>, %t: tensor<16x3x2xf32>, %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.sparse_attention' op expects a table [positions, 2, 2], but got 'tensor<16x3x2xf32>'}}
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<16x3x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return
}

// -----

func.func @sparse_attention_c3(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                        %w: tensor<22x12xf8E4M3FN>, %t: tensor<16x2x2xf32>, %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.sparse_attention' op expects a scale and a block if and only if the weight is f8 or i8, but the weight is 'tensor<22x12xf8E4M3FN>'}}
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xf8E4M3FN>, tensor<16x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return
}

// -----

func.func @sparse_attention_c4_query(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                        %w: tensor<22x12xbf16>, %t: tensor<16x2x2xf32>, %iq: tensor<?x25xf32>, %iw: tensor<?x3xf32>,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.sparse_attention' op expects an index query of 24 numbers, but got 'tensor<?x25xf32>'}}
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>,
         tensor<?x25xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return
}

// -----

func.func @sparse_attention_c4_weights(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index,
                        %w: tensor<22x12xbf16>, %t: tensor<16x2x2xf32>, %iq: tensor<?x24xf32>, %iw: tensor<?x4xf32>,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.sparse_attention' op expects index weights of 3 numbers, but got 'tensor<?x4xf32>'}}
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>,
         tensor<?x24xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return
}

// -----

func.func @sparse_attention_c4_store(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index,
                        %w: tensor<22x12xbf16>, %t: tensor<16x2x2xf32>, %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>,
                        %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.sparse_attention' op expects a store "index" of 8 numbers, but got '!deepseek.cache<latent: 16 x f32>'}}
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return
}
