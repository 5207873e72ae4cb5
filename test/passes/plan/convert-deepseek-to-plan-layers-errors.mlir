// Layers that entry points call.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan --split-input-file --verify-diagnostics

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  func.func private @moe(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index)
      -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.entry = "decode"} {
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    return %y, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }
  func.func @decode(%tokens: tensor<?xi32>, %p: tensor<?xi32>, %r: tensor<?xi32>, %c: !deepseek.cache<latent: 16 x f32>)
      -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.entry = "decode", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %l = arith.constant 3 : index
    // expected-error @+1 {{expects a layer below 3, but got 3}}
    %y:2 = call @moe(%x, %p, %c, %l)
        : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<latent: 16 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>)
    return %x, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }
}
