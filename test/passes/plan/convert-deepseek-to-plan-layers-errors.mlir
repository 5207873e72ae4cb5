// Layers that entry points call.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan --split-input-file --verify-diagnostics

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  func.func private @moe(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
      -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "absorbed"} {
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    return %y, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %p: tensor<?xi32> {deepseek.input = "positions"},
                    %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %l = arith.constant 3 : index
    // expected-error @+1 {{expects a layer below 3, but got 3}}
    %y:2 = call @moe(%x, %p, %c, %l)
        : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<latent: 16 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>)
    return %c : !deepseek.cache<latent: 16 x f32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  deepseek.weight @w : tensor<8xbf16> layers [1] from "w" at [0, 0]
  deepseek.weight @v : tensor<8xbf16> layers [2] from "v" at [0, 0]
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %p: tensor<?xi32> {deepseek.input = "positions"},
                    %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %l = arith.constant 2 : index
    // expected-error @+1 {{expects a constant layer of an entry point's own weight, one of [1]}}
    %w = deepseek.get_weight @w[%l] : tensor<8xbf16>
    return %c : !deepseek.cache<latent: 16 x f32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @w : tensor<8xbf16> layers [1] from "w" at [0, 0]
  func.func private @decode.moe(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                                %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"},
                                %l: index {deepseek.input = "layer"})
      -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "absorbed"} {
    %other = arith.constant 1 : index
    // expected-error @+1 {{expects the layer that the function is called with}}
    %w = deepseek.get_weight @w[%other] : tensor<8xbf16>
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    return %y, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  deepseek.weight @w : tensor<8xbf16> layers [1] from "w" at [0, 0]
  deepseek.weight @v : tensor<8xbf16> layers [2] from "v" at [0, 0]
  func.func private @moe(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
      -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "absorbed"} {
    // expected-error @+1 {{expects a weight of the same layers as the function's other weights, but got [1]}}
    %w = deepseek.get_weight @w[%l] : tensor<8xbf16>
    %v = deepseek.get_weight @v[%l] : tensor<8xbf16>
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    return %y, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %p: tensor<?xi32> {deepseek.input = "positions"},
                    %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    return %c : !deepseek.cache<latent: 16 x f32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  deepseek.weight @w : tensor<8xbf16> layers [1] from "w" at [0, 0]
  deepseek.weight @v : tensor<8xbf16> layers [2] from "v" at [0, 0]
  func.func private @moe(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
      -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "absorbed"} {
    %w = deepseek.get_weight @w[%l] : tensor<8xbf16>
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    return %y, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %p: tensor<?xi32> {deepseek.input = "positions"},
                    %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %l = arith.constant 2 : index
    // expected-error @+1 {{expects a layer that @moe has weights for, one of [1], but got 2}}
    %y:2 = call @moe(%x, %p, %c, %l)
        : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<latent: 16 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>)
    return %c : !deepseek.cache<latent: 16 x f32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  func.func private @moe(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
      -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "absorbed"} {
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    return %y, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %p: tensor<?xi32> {deepseek.input = "positions"},
                    %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %z = arith.constant 0 : index
    %l = tensor.dim %x, %z : tensor<?x8xf32>
    // expected-error @+1 {{expects a constant layer}}
    %y:2 = call @moe(%x, %p, %c, %l)
        : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<latent: 16 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>)
    return %c : !deepseek.cache<latent: 16 x f32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  func.func private @moe(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                         %p: tensor<?xi32> {deepseek.input = "positions"},
                         %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"},
                         %l: index {deepseek.input = "layer"})
      -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>) {
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    return %y, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %p: tensor<?xi32> {deepseek.input = "positions"},
                    %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %l = arith.constant 1 : index
    // expected-error @+1 {{expects an entry point to call a layer of its form, but got @moe}}
    %y:2 = call @moe(%x, %p, %c, %l)
        : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<latent: 16 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>)
    return %c : !deepseek.cache<latent: 16 x f32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %p: tensor<?xi32> {deepseek.input = "positions"},
                    %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    // expected-error @+1 {{expects rows of a layer below 3, but got layer 3 of 'tensor<?x8xf32>'}}
    deepseek.record_state %x layer 3 : tensor<?x8xf32>
    return %c : !deepseek.cache<latent: 16 x f32>
  }
}
