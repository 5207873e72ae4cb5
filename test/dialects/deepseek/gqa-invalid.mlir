// Each constraint of grouped-query attention, broken once.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @gqa_attention_c1(%q: tensor<?x24xf32>, %c: !deepseek.cache<key: 4 x 4 x f32, value: 4 x 4 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.gqa_attention' op expects num_kv_heads to divide 6 heads, but got 4}}
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 4 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<key: 4 x 4 x f32, value: 4 x 4 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

func.func @gqa_attention_c2_query(%q: tensor<?x20xf32>, %c: !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.gqa_attention' op expects a query of 24 numbers, but got 'tensor<?x20xf32>'}}
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

func.func @gqa_attention_c2_result(%q: tensor<?x24xf32>, %c: !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.gqa_attention' op expects a result of 24 numbers, but got 'tensor<?x20xf32>'}}
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<key: 2 x 4 x f32, value: 2 x 4 x f32>, index, tensor<?xi32>) -> tensor<?x20xf32>
  return
}

// -----

func.func @gqa_attention_c3(%q: tensor<?x24xf32>, %c: !deepseek.cache<key: 4 x f32, value: 4 x f32>, %l: index, %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.gqa_attention' op expects a store "key" of 2 x 4 numbers, but got '!deepseek.cache<key: 4 x f32, value: 4 x f32>'}}
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<key: 4 x f32, value: 4 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

func.func @gqa_attention_c3_value(%q: tensor<?x24xf32>, %c: !deepseek.cache<key: 2 x 4 x f32, values: 2 x 4 x f32>, %l: index,
                                  %p: tensor<?xi32>) {
  // expected-error @+1 {{'deepseek.gqa_attention' op expects a store "value" of 2 x 4 numbers, but got '!deepseek.cache<key: 2 x 4 x f32, values: 2 x 4 x f32>'}}
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 2 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<key: 2 x 4 x f32, values: 2 x 4 x f32>, index, tensor<?xi32>) -> tensor<?x24xf32>
  return
}
