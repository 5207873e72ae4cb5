// The runtime makes room by the module's facts, and code reads and writes by its types: where they disagree, the module
// is refused.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  func.func @embedding_c2_vocabulary(%t: tensor<?xi32>, %w: tensor<41x8xbf16>) {
    // expected-error @+1 {{expects vocabulary 40, as 'deepseek.model' says, but the types of 'deepseek.embedding' say 41}}
    %x = deepseek.embedding %t, %w : (tensor<?xi32>, tensor<41x8xbf16>) -> tensor<?x8xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  func.func @embedding_c2_hidden(%t: tensor<?xi32>, %w: tensor<40x7xbf16>) {
    // expected-error @+1 {{expects hidden 8, as 'deepseek.model' says, but the types of 'deepseek.embedding' say 7}}
    %x = deepseek.embedding %t, %w : (tensor<?xi32>, tensor<40x7xbf16>) -> tensor<?x7xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  func.func @record_state_c1(%x: tensor<?x9xf32>) {
    // expected-error @+1 {{expects hidden 8, as 'deepseek.model' says, but the types of 'deepseek.record_state' say 9}}
    deepseek.record_state %x layer 0 : tensor<?x9xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  // expected-error @+1 {{expects vocabulary 40, as 'deepseek.model' says, but the types of 'func.func' say 39}}
  func.func @logits(%x: tensor<?x39xf32>) -> (tensor<?x39xf32> {deepseek.output = "logits"}) {
    return %x : tensor<?x39xf32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  // expected-error @+1 {{expects hidden 8, as 'deepseek.model' says, but the types of 'func.func' say 9}}
  func.func @hidden(%x: tensor<?x9xf32> {deepseek.input = "hidden"}) {
    return
  }
  // expected-error @+1 {{expects hidden 8, as 'deepseek.model' says, but the types of 'func.func' say 7}}
  func.func @hidden_out(%x: tensor<?x7xf32>) -> (tensor<?x7xf32> {deepseek.output = "hidden_out"}) {
    return %x : tensor<?x7xf32>
  }
}

// -----

// A draft's layer is behind the model's.
#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, draft_layers = 1 : i64,
          max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts} {
  deepseek.weight @draft : tensor<8xbf16> layers [3] from "w" at [0, 0]
  // expected-error @+1 {{expects layers below 4, but got [4]}}
  deepseek.weight @behind : tensor<8xbf16> layers [4] from "w" at [0, 16]
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  // expected-error @+1 {{expects layers below 3, but got [1, 3]}}
  deepseek.weight @weight_layers : tensor<8xbf16> layers [1, 3] from "w" at [0, 0, 0, 16]
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  func.func @rope_table_max_context() {
    // expected-error @+1 {{expects a row for each of 16 positions of max_context, but got 'tensor<15x2x2xf32>'}}
    %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<15x2x2xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 40 : i64, eos_tokens = array<i64: 1>}
// expected-error @+1 {{expects a 'bos_token' below 40, but got 40}}
module attributes {deepseek.model = #facts} {}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = -1 : i64, eos_tokens = array<i64: 39, 600>}
// expected-error @+1 {{expects 'eos_tokens' of 0 or more, below 40, but got 600}}
module attributes {deepseek.model = #facts} {}

// -----

#facts = {family = "deepseek_v3", vocabulary = 40 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = -1 : i64, eos_tokens = array<i64: -1>}
// expected-error @+1 {{expects 'eos_tokens' of 0 or more, below 40, but got -1}}
module attributes {deepseek.model = #facts} {}
