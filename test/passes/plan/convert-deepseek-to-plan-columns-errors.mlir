// Slices of columns that no buffer can stand for.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan --split-input-file --verify-diagnostics

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0,
          top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %p: tensor<?xi32> {deepseek.input = "positions"},
                    %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %z = arith.constant 0 : index
    %n = tensor.dim %x, %z : tensor<?x8xf32>
    %s = tensor.extract_slice %x[0, 0] [%n, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
    // expected-error @+1 {{expects whole rows, but got a slice of their columns}}
    deepseek.record_state %s layer 0 : tensor<?x8xf32>
    return %c : !deepseek.cache<latent: 16 x f32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0,
          top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  func.func private @decode.layer(%x: tensor<?x4xf32> {deepseek.input = "activation"},
                                  %p: tensor<?xi32> {deepseek.input = "positions"},
                                  %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"},
                                  %l: index {deepseek.input = "layer"})
      -> (tensor<?x4xf32>, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "absorbed"} {
    %y = deepseek.swiglu %x, %x : tensor<?x4xf32>
    return %y, %c : tensor<?x4xf32>, !deepseek.cache<latent: 16 x f32>
  }
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %p: tensor<?xi32> {deepseek.input = "positions"},
                    %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %z = arith.constant 0 : index
    %n = tensor.dim %x, %z : tensor<?x8xf32>
    %s = tensor.extract_slice %x[0, 4] [%n, 4] [1, 1] : tensor<?x8xf32> to tensor<?x4xf32>
    // expected-error @+1 {{expects whole rows, but got a slice of their columns}}
    %y:2 = call @decode.layer(%s, %p, %c, %z)
        : (tensor<?x4xf32>, tensor<?xi32>, !deepseek.cache<latent: 16 x f32>, index) -> (tensor<?x4xf32>, !deepseek.cache<latent: 16 x f32>)
    return %c : !deepseek.cache<latent: 16 x f32>
  }
}
