// Modules that cannot be planned: each says which op and what was expected.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan --split-input-file --verify-diagnostics

// expected-error @+1 {{expects the model's facts in attribute 'deepseek.model'}}
module {}

// -----

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  // expected-error @+1 {{expects an entry point}}
  func.func @decode() attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    return
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
    // expected-error @+1 {{expects a kernel of the catalog, but got "gemm"}}
    %y = deepseek.swiglu %x, %x {deepseek.kernel = "gemm"} : tensor<?x8xf32>
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
    %n = arith.constant 2 : index
    // expected-error @+1 {{expects a slice of an activation}}
    %s = tensor.extract_slice %x[1, 0] [%n, 4] [1, 1] : tensor<?x8xf32> to tensor<?x4xf32>
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
    %i = arith.constant 1 : index
    // expected-error @+1 {{expects the size of the dimension of rows}}
    %n = tensor.dim %x, %i : tensor<?x8xf32>
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
    // expected-error @+1 {{expects an index, but got 'f32'}}
    %f = arith.constant 1.0 : f32
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
      -> (tensor<?x8xf32> {deepseek.output = "logits"}, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %n = arith.constant 4 : index
    %s = tensor.extract_slice %x[0, 0] [%n, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
    // expected-error @+1 {{expects an activation that an op computes}}
    return %s, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
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
    // expected-error @+1 {{expects results with one row per row of the operand, but got 'tensor<4x8xf32>'}}
    %y = tensor.cast %x : tensor<?x8xf32> to tensor<4x8xf32>
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
    // expected-error @+1 {{expects an operand that sets the row count}}
    %y = ub.poison : tensor<?x8xf32>
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
    // expected-error @+1 {{expects an operand that sets the row count}}
    "gpu.barrier"() : () -> ()
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
    %n = arith.constant 1 : index
    // expected-error @+1 {{expects an operand that sets the row count}}
    scf.for %i = %n to %n step %n {
    }
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
    %z = arith.constant 0 : index
    // expected-error @+1 {{expects regions that use no values from outside}}
    %y = linalg.map ins(%x : tensor<?x8xf32>) outs(%x : tensor<?x8xf32>) (%in: f32, %out: f32) {
      %n = tensor.extract %p[%z] : tensor<?xi32>
      %m = arith.sitofp %n : i32 to f32
      linalg.yield %m : f32
    }
    return %c : !deepseek.cache<latent: 16 x f32>
  }
}

// -----

// The caller has room for the logits of rows that want them, and not for all.
#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %p: tensor<?xi32> {deepseek.input = "positions"},
                    %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> (tensor<?x8xf32> {deepseek.output = "logits"}, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    // expected-error @+1 {{'deepseek.embedding' op expects a result with 1 row for each that wants logits, for which its caller has memory, but got 1 row for each of the call}}
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    return %x, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> (tensor<?x8xf32> {deepseek.output = "logits"}, tensor<?x8xf32> {deepseek.output = "hidden_out"}, !deepseek.cache<latent: 16 x f32>)
      attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    // expected-error @+1 {{expects a value of its own as each result}}
    return %x, %x, %c : tensor<?x8xf32>, tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }
}
