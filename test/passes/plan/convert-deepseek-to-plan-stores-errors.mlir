// Stores of the cache.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan --split-input-file --verify-diagnostics

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 16777217 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
// expected-error @+1 {{expects 1 to 16777216 layers, heads and numbers at an offset of 0 or more, but got 16777217 layers of 1 x 16 numbers at 0}}
module attributes {deepseek.model = #facts} {
  func.func @decode_headless(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                             %p: tensor<?xi32> {deepseek.input = "positions"},
                             %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    return %c : !deepseek.cache<latent: 16 x f32>
  }
}
