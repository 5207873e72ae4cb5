// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @rope_c1(%x: tensor<?x4xf32>, %t: tensor<16x4x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.rope' op expects a table [positions, 2, 2], but got 'tensor<16x4x2xf32>'}}
  %k = deepseek.rope interleaved %x, %t at %p : tensor<?x4xf32>, tensor<16x4x2xf32>, tensor<?xi32>
  return
}

// -----

func.func @cache_append_c1(%c: !deepseek.cache<13>, %l: index, %x: tensor<?x8xf32>, %k: tensor<?x4xf32>,
                           %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.cache_append' op expects latent and key of 13 numbers, but got 12}}
  %d = deepseek.cache_append %c[%l], %x, %k at %p
      : !deepseek.cache<13>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?xi32>
  return
}

// -----

func.func @mla_attention_c1_query(%q: tensor<?x21xf32>, %c: !deepseek.cache<16>, %l: index, %w: tensor<22x12xbf16>,
                                  %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_attention' op expects a query of 20 numbers, but got 'tensor<?x21xf32>'}}
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x21xf32>, !deepseek.cache<16>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return
}

// -----

func.func @mla_attention_c1_kv_b(%q: tensor<?x20xf32>, %c: !deepseek.cache<17>, %l: index, %w: tensor<22x12xbf16>,
                                 %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_attention' op expects kv_b of shape [22, 13], but got 'tensor<22x12xbf16>'}}
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<17>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return
}

// -----

func.func @mla_attention_c1_result(%q: tensor<?x20xf32>, %c: !deepseek.cache<16>, %l: index, %w: tensor<22x12xbf16>,
                                   %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.mla_attention' op expects a result of 10 numbers, but got 'tensor<?x11xf32>'}}
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<16>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x11xf32>
  return
}
