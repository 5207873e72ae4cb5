// Each constraint of the latent-attention ops, broken once.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @mla_attention_c1_query(%q: tensor<?x21xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %w: tensor<22x12xbf16>,
                                  %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_attention' op expects a query of 20 numbers, but got 'tensor<?x21xf32>'}}
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x21xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return
}

// -----

func.func @mla_attention_c1_kv_b(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 17 x f32>, %l: index, %w: tensor<22x12xbf16>,
                                 %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_attention' op expects kv_b of shape [22, 13], but got 'tensor<22x12xbf16>'}}
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 17 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return
}

// -----

func.func @mla_attention_c1_result(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %w: tensor<22x12xbf16>,
                                   %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_attention' op expects a result of 10 numbers, but got 'tensor<?x11xf32>'}}
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x11xf32>
  return
}

// -----

func.func @mla_attention_heads(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %w: tensor<22x12xbf16>,
                  %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+2 {{attribute 'num_heads' failed to satisfy constraint}}
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 0 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return
}

// -----

func.func @mla_attention_c1_cache(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 4 x f32>, %l: index, %w: tensor<22x12xbf16>,
                  %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_attention' op expects a store "latent" of rows wider than rope_dim, 4, but got '!deepseek.cache<latent: 4 x f32>'}}
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 4 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return
}

// -----

func.func @mla_attention_c2(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %w: tensor<22x12xbf16>,
                  %t: tensor<16x3x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_attention' op expects a table [positions, 2, 2], but got 'tensor<16x3x2xf32>'}}
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xbf16>, tensor<16x3x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return
}

// -----

func.func @mla_attention_c3(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %w: tensor<22x12xf8E4M3FN>,
                  %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_attention' op expects a scale and a block if and only if the weight is f8 or i8, but the weight is 'tensor<22x12xf8E4M3FN>'}}
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xf8E4M3FN>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return
}

// -----

func.func @mla_absorb_query_c1_query(%q: tensor<?x21xf32>, %w: tensor<22x12xbf16>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_absorb_query' op expects a query of 20 numbers, but got 'tensor<?x21xf32>'}}
  %a = deepseek.mla_absorb_query interleaved %q, %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64}
      : (tensor<?x21xf32>, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @mla_absorb_query_c1_kv_b(%q: tensor<?x20xf32>, %w: tensor<23x12xbf16>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_absorb_query' op expects kv_b of shape [22, 12], but got 'tensor<23x12xbf16>'}}
  %a = deepseek.mla_absorb_query interleaved %q, %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64}
      : (tensor<?x20xf32>, tensor<23x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @mla_absorb_query_c1_rank(%q: tensor<?x20xf32>, %w: tensor<22xbf16>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_absorb_query' op expects kv_b of shape [22, 22], but got 'tensor<22xbf16>'}}
  %a = deepseek.mla_absorb_query interleaved %q, %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64}
      : (tensor<?x20xf32>, tensor<22xbf16>, tensor<16x2x2xf32>, tensor<?xi32>) -> tensor<?x52xf32>
  return
}

// -----

func.func @mla_absorb_query_c1_result(%q: tensor<?x20xf32>, %w: tensor<22x12xbf16>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_absorb_query' op expects a result of 32 numbers, but got 'tensor<?x33xf32>'}}
  %a = deepseek.mla_absorb_query interleaved %q, %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64}
      : (tensor<?x20xf32>, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>) -> tensor<?x33xf32>
  return
}

// -----

func.func @mla_absorb_query_c2(%q: tensor<?x20xf32>, %w: tensor<22x12xbf16>, %t: tensor<16x3x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_absorb_query' op expects a table [positions, 2, 2], but got 'tensor<16x3x2xf32>'}}
  %a = deepseek.mla_absorb_query interleaved %q, %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64}
      : (tensor<?x20xf32>, tensor<22x12xbf16>, tensor<16x3x2xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @mla_absorb_query_c3(%q: tensor<?x20xf32>, %w: tensor<22x12xf8E4M3FN>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_absorb_query' op expects a scale and a block if and only if the weight is f8 or i8, but the weight is 'tensor<22x12xf8E4M3FN>'}}
  %a = deepseek.mla_absorb_query interleaved %q, %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64}
      : (tensor<?x20xf32>, tensor<22x12xf8E4M3FN>, tensor<16x2x2xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @mla_latent_attention_c1_cache(%q: tensor<?x32xf32>, %c: !deepseek.cache<latent: 3 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_latent_attention' op expects a store "latent" of rows wider than rope_dim, 4, but got '!deepseek.cache<latent: 3 x f32>'}}
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x32xf32>, !deepseek.cache<latent: 3 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

func.func @mla_latent_attention_c1_query(%q: tensor<?x33xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_latent_attention' op expects a query of 32 numbers, but got 'tensor<?x33xf32>'}}
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x33xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

func.func @mla_latent_attention_c1_result(%q: tensor<?x32xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_latent_attention' op expects a result of 24 numbers, but got 'tensor<?x25xf32>'}}
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x32xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<?xi32>) -> tensor<?x25xf32>
  return
}

// -----

func.func @mla_latent_attention_c1_parts(%q: tensor<?x32xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_latent_attention' op expects a result of 84 numbers, but got 'tensor<?x24xf32>'}}
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64, parts = 3 : i64}
      : (tensor<?x32xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

func.func @mla_latent_attention_c2(%q: tensor<?x32xbf16>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_latent_attention' op expects parts of f32, but got 'tensor<?x84xbf16>'}}
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64, parts = 3 : i64}
      : (tensor<?x32xbf16>, !deepseek.cache<latent: 16 x f32>, index, tensor<?xi32>) -> tensor<?x84xbf16>
  return
}

// -----

func.func @gqa_attention_c2_parts(%q: tensor<?x24xf32>, %c: !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.gqa_attention' op expects a result of 108 numbers, but got 'tensor<?x72xf32>'}}
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64, parts = 3 : i64}
      : (tensor<?x24xf32>, !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>, index, tensor<?xi32>) -> tensor<?x72xf32>
  return
}

// -----

func.func @attention_combine_c1_result(%x: tensor<?x108xf32>) {
  // expected-error @+1 {{'deepseek.attention_combine' op expects a result of 24 numbers, but got 'tensor<?x25xf32>'}}
  %a = deepseek.attention_combine %x {num_heads = 6 : i64, parts = 3 : i64} : tensor<?x108xf32> -> tensor<?x25xf32>
  return
}

// -----

func.func @attention_combine_c1_parts(%x: tensor<?x72xf32>) {
  // expected-error @+1 {{'deepseek.attention_combine' op expects parts of 108 numbers, but got 'tensor<?x72xf32>'}}
  %a = deepseek.attention_combine %x {num_heads = 6 : i64, parts = 3 : i64} : tensor<?x72xf32> -> tensor<?x24xf32>
  return
}

// -----

func.func @mla_expand_output_c1_kv_b(%x: tensor<?x24xf32>, %w: tensor<21x12xbf16>) {
  // expected-error @+1 {{'deepseek.mla_expand_output' op expects kv_b of shape [22, 12], but got 'tensor<21x12xbf16>'}}
  %a = deepseek.mla_expand_output %x, %w {num_heads = 2 : i64, nope_dim = 6 : i64, value_dim = 5 : i64}
      : (tensor<?x24xf32>, tensor<21x12xbf16>) -> tensor<?x10xf32>
  return
}

// -----

func.func @mla_expand_output_c1_input(%x: tensor<?x25xf32>, %w: tensor<22x12xbf16>) {
  // expected-error @+1 {{'deepseek.mla_expand_output' op expects an input of 24 numbers, but got 'tensor<?x25xf32>'}}
  %a = deepseek.mla_expand_output %x, %w {num_heads = 2 : i64, nope_dim = 6 : i64, value_dim = 5 : i64}
      : (tensor<?x25xf32>, tensor<22x12xbf16>) -> tensor<?x10xf32>
  return
}

// -----

func.func @mla_expand_output_c1_result(%x: tensor<?x24xf32>, %w: tensor<22x12xbf16>) {
  // expected-error @+1 {{'deepseek.mla_expand_output' op expects a result of 10 numbers, but got 'tensor<?x11xf32>'}}
  %a = deepseek.mla_expand_output %x, %w {num_heads = 2 : i64, nope_dim = 6 : i64, value_dim = 5 : i64}
      : (tensor<?x24xf32>, tensor<22x12xbf16>) -> tensor<?x11xf32>
  return
}

// -----

func.func @mla_expand_output_c2(%x: tensor<?x24xf32>, %w: tensor<22x12xf8E4M3FN>) {
  // expected-error @+1 {{'deepseek.mla_expand_output' op expects a scale and a block if and only if the weight is f8 or i8, but the weight is 'tensor<22x12xf8E4M3FN>'}}
  %a = deepseek.mla_expand_output %x, %w {num_heads = 2 : i64, nope_dim = 6 : i64, value_dim = 5 : i64}
      : (tensor<?x24xf32>, tensor<22x12xf8E4M3FN>) -> tensor<?x10xf32>
  return
}
