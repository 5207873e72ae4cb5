// Attention to all positions where a model selects them, and layers that take fewer positions than their callers.
// RUN: fathom-opt %s --fathom-verify-model-output --split-input-file --verify-diagnostics

func.func private @selects(%x: tensor<?x24xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 12 x f32, index: 1 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
    -> (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>) attributes {deepseek.form = "absorbed"} {
  %s = deepseek.index_select %x, %x, %c[%l] at %p {num_heads = 24 : i64, head_dim = 1 : i64, top_k = 5 : i64}
      : (tensor<?x24xf32>, tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>, index, tensor<?xi32>) -> tensor<?x5xi32>
  %a = deepseek.mla_latent_attention %x, %c[%l] select %s at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>, index, tensor<?x5xi32>, tensor<?xi32>) -> tensor<?x16xf32>
  return %x, %c : tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>
}
func.func private @attends_to_all(%x: tensor<?x24xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 12 x f32, index: 1 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
    -> (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>) attributes {deepseek.form = "absorbed"} {
  // expected-error @+1 {{'deepseek.mla_latent_attention' op expects a selection, or 'deepseek.max_positions' on its function, as other functions of the model select positions}}
  %a = deepseek.mla_latent_attention %x, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>, index, tensor<?xi32>) -> tensor<?x16xf32>
  return %x, %c : tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>
}
func.func private @has_few(%x: tensor<?x24xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 12 x f32, index: 1 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
    -> (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>) attributes {deepseek.form = "absorbed", deepseek.max_positions = 5 : i64} {
  %a = deepseek.mla_latent_attention %x, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>, index, tensor<?xi32>) -> tensor<?x16xf32>
  return %x, %c : tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>
}

// -----

// Without a selection anywhere it may.
func.func private @attends_to_all(%x: tensor<?x24xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 12 x f32, index: 1 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
    -> (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>) attributes {deepseek.form = "absorbed"} {
  %a = deepseek.mla_latent_attention %x, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>, index, tensor<?xi32>) -> tensor<?x16xf32>
  return %x, %c : tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>
}

// -----

func.func private @prefill.dense(%x: tensor<?x24xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 12 x f32, index: 1 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
    -> (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>) attributes {deepseek.form = "expanded", deepseek.max_positions = 5 : i64} {
  return %x, %c : tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>
}
deepseek.weight @embed : tensor<40x24xbf16> from "embed" at [0, 0]
func.func @prefill(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                   %p: tensor<?xi32> {deepseek.input = "positions"},
                   %c: !deepseek.cache<latent: 12 x f32, index: 1 x f32> {deepseek.input = "cache"})
    -> !deepseek.cache<latent: 12 x f32, index: 1 x f32> attributes {deepseek.form = "expanded", deepseek.max_positions = 6 : i64, deepseek.max_rows = 4 : i64} {
  %e = deepseek.get_weight @embed : tensor<40x24xbf16>
  %x = deepseek.embedding %tokens, %e : (tensor<?xi32>, tensor<40x24xbf16>) -> tensor<?x24xf32>
  %l = arith.constant 0 : index
  // expected-error @+1 {{'func.call' op expects @prefill.dense to take rows at every position of this function, but its 'deepseek.max_positions' is 5}}
  %y:2 = call @prefill.dense(%x, %p, %c, %l)
      : (tensor<?x24xf32>, tensor<?xi32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>, index) -> (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>)
  return %y#1 : !deepseek.cache<latent: 12 x f32, index: 1 x f32>
}

// -----

func.func private @prefill.dense(%x: tensor<?x24xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 12 x f32, index: 1 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
    -> (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>) attributes {deepseek.form = "expanded", deepseek.max_positions = 5 : i64} {
  return %x, %c : tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>
}
deepseek.weight @embed : tensor<40x24xbf16> from "embed" at [0, 0]
func.func @prefill(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                   %p: tensor<?xi32> {deepseek.input = "positions"},
                   %c: !deepseek.cache<latent: 12 x f32, index: 1 x f32> {deepseek.input = "cache"})
    -> !deepseek.cache<latent: 12 x f32, index: 1 x f32> attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
  %e = deepseek.get_weight @embed : tensor<40x24xbf16>
  %x = deepseek.embedding %tokens, %e : (tensor<?xi32>, tensor<40x24xbf16>) -> tensor<?x24xf32>
  %l = arith.constant 0 : index
  // expected-error @+1 {{'func.call' op expects @prefill.dense to take rows at every position of this function, but its 'deepseek.max_positions' is 5}}
  %y:2 = call @prefill.dense(%x, %p, %c, %l)
      : (tensor<?x24xf32>, tensor<?xi32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>, index) -> (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>)
  return %y#1 : !deepseek.cache<latent: 12 x f32, index: 1 x f32>
}

// -----

func.func private @prefill.dense(%x: tensor<?x24xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 12 x f32, index: 1 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
    -> (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>) attributes {deepseek.form = "expanded", deepseek.max_positions = 5 : i64} {
  return %x, %c : tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>
}
deepseek.weight @embed : tensor<40x24xbf16> from "embed" at [0, 0]
func.func @prefill(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                   %p: tensor<?xi32> {deepseek.input = "positions"},
                   %c: !deepseek.cache<latent: 12 x f32, index: 1 x f32> {deepseek.input = "cache"})
    -> !deepseek.cache<latent: 12 x f32, index: 1 x f32> attributes {deepseek.form = "expanded", deepseek.max_positions = 5 : i64, deepseek.max_rows = 4 : i64} {
  %e = deepseek.get_weight @embed : tensor<40x24xbf16>
  %x = deepseek.embedding %tokens, %e : (tensor<?xi32>, tensor<40x24xbf16>) -> tensor<?x24xf32>
  %l = arith.constant 0 : index
  %y:2 = call @prefill.dense(%x, %p, %c, %l)
      : (tensor<?x24xf32>, tensor<?xi32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>, index) -> (tensor<?x24xf32>, !deepseek.cache<latent: 12 x f32, index: 1 x f32>)
  return %y#1 : !deepseek.cache<latent: 12 x f32, index: 1 x f32>
}
