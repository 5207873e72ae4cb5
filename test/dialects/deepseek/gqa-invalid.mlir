// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @gqa_attention_c1(%q: tensor<?x24xf32>, %c: !deepseek.cache<32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.gqa_attention' op expects num_kv_heads to divide 6 heads, but got 4}}
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 4 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

func.func @gqa_attention_c2_query(%q: tensor<?x20xf32>, %c: !deepseek.cache<16>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.gqa_attention' op expects a query of 24 numbers, but got 'tensor<?x20xf32>'}}
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<16>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

func.func @gqa_attention_c2_result(%q: tensor<?x24xf32>, %c: !deepseek.cache<16>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.gqa_attention' op expects a result of 24 numbers, but got 'tensor<?x20xf32>'}}
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<16>, index, tensor<?xi32>) -> tensor<?x20xf32>
  return
}

// -----

func.func @gqa_attention_c3(%q: tensor<?x24xf32>, %c: !deepseek.cache<8>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.gqa_attention' op expects a cache of keys and values, 16 numbers, but got '!deepseek.cache<8>'}}
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<8>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return
}
