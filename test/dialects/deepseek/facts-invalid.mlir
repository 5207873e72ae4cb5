// RUN: fathom-opt %s --split-input-file --verify-diagnostics
// The runtime makes room by the module's facts, and code reads and writes by its types: where they disagree, the module
// is refused.

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0,
          top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  func.func @embedding_c2_vocabulary(%t: tensor<?xi32>, %w: tensor<41x8xbf16>) {
    // expected-error @+1 {{expects vocabulary 40, as 'deepseek.model' says, but the types of 'deepseek.embedding' say 41}}
    %x = deepseek.embedding %t, %w : (tensor<?xi32>, tensor<41x8xbf16>) -> tensor<?x8xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0,
          top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  func.func @embedding_c2_hidden(%t: tensor<?xi32>, %w: tensor<40x7xbf16>) {
    // expected-error @+1 {{expects hidden 8, as 'deepseek.model' says, but the types of 'deepseek.embedding' say 7}}
    %x = deepseek.embedding %t, %w : (tensor<?xi32>, tensor<40x7xbf16>) -> tensor<?x7xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0,
          top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  func.func @record_state_c1(%x: tensor<?x9xf32>) {
    // expected-error @+1 {{expects hidden 8, as 'deepseek.model' says, but the types of 'deepseek.record_state' say 9}}
    deepseek.record_state %x layer 0 : tensor<?x9xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0,
          top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  // expected-error @+1 {{expects vocabulary 40, as 'deepseek.model' says, but the types of 'func.func' say 39}}
  func.func @logits(%x: tensor<?x39xf32>) -> tensor<?x39xf32> attributes {deepseek.max_rows = 4 : i64} {
    return %x : tensor<?x39xf32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0,
          top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  func.func @cache_append_c2(%c: !deepseek.cache<12>, %l: index, %x: tensor<?x8xf32>, %k: tensor<?x4xf32>,
                             %p: tensor<?xi32>) {
    // expected-error @+1 {{expects cache_width 16, as 'deepseek.model' says, but the types of 'deepseek.cache_append' say 12}}
    %d = deepseek.cache_append %c[%l], %x, %k at %p
        : !deepseek.cache<12>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?xi32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          cache_width = 17 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0,
          top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  func.func @mla_append_c5(%c: !deepseek.cache<16>, %l: index, %x: tensor<?x16xf32>, %w: tensor<12xbf16>,
                           %t: tensor<16x2x2xf32>, %p: tensor<?xi32>) {
    // expected-error @+1 {{expects cache_width 17, as 'deepseek.model' says, but the types of 'deepseek.mla_append' say 16}}
    %d = deepseek.mla_append interleaved %c[%l], %x, %w, %t at %p eps 1.0e-06
        : !deepseek.cache<16>, tensor<?x16xf32>, tensor<12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          cache_width = 17 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0,
          top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  func.func @mla_latent_attention_c1(%q: tensor<?x32xf32>, %c: !deepseek.cache<16>, %l: index, %p: tensor<?xi32>) {
    // expected-error @+1 {{expects cache_width 17, as 'deepseek.model' says, but the types of 'deepseek.mla_latent_attention' say 16}}
    %a = deepseek.mla_latent_attention %q, %c[%l] at %p {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
        : (tensor<?x32xf32>, !deepseek.cache<16>, index, tensor<?xi32>) -> tensor<?x24xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          cache_width = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0,
          top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  // expected-error @+1 {{expects layers below 3, but got [1, 3]}}
  deepseek.weight @weight_layers : tensor<8xbf16> layers [1, 3] from "w" at [0, 0, 0, 16]
}
