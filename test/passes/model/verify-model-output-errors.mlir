// Modules that the model phase never leaves: functions of no entry point, ops that it rewrites.
// RUN: fathom-opt %s --fathom-verify-model-output --split-input-file --verify-diagnostics

// expected-error @+1 {{expects 'deepseek.form' on every function after the model phase}}
func.func @unmarked() {
  return
}

// -----

func.func @table() attributes {deepseek.form = "expanded"} {
  // expected-error @+1 {{'deepseek.rope_table' op is not expected after the model phase}}
  %t = deepseek.rope_table <frequencies = [1.0]> : tensor<16x1x2xf32>
  return
}

// -----

func.func @experts(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %g: tensor<6x4x8xbf16>,
                   %d: tensor<6x8x4xbf16>) attributes {deepseek.form = "expanded"} {
  // expected-error @+1 {{'deepseek.moe_experts' op is not expected after the model phase}}
  %y = deepseek.moe_experts %x, %i, %w, %g, %g, %d
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<6x4x8xbf16>, tensor<6x4x8xbf16>, tensor<6x8x4xbf16>)
      -> tensor<?x8xf32>
  return
}

// -----

func.func @expanded(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32>, %l: index, %w: tensor<22x12xbf16>,
                    %t: tensor<16x2x2xf32>, %p: tensor<?xi32>)
    attributes {deepseek.form = "absorbed"} {
  // expected-error @+1 {{'deepseek.mla_attention' op is not expected after the model phase}}
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return
}

// -----

// Prefill may.
deepseek.weight @embed : tensor<40x20xbf16> from "embed" at [0, 0]
deepseek.weight @kv_b : tensor<22x12xbf16> from "kv_b" at [0, 0]
deepseek.recipe @table : tensor<16x2x2xf32> {
  %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<16x2x2xf32>
  deepseek.yield %t : tensor<16x2x2xf32>
}
func.func @prefill(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                   %p: tensor<?xi32> {deepseek.input = "positions"},
                   %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                   %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
    -> (tensor<?x10xf32> {deepseek.output = "logits"}, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
  %l = arith.constant 0 : index
  %e = deepseek.get_weight @embed : tensor<40x20xbf16>
  %w = deepseek.get_weight @kv_b : tensor<22x12xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  %q = deepseek.embedding %tokens, %e : (tensor<?xi32>, tensor<40x20xbf16>) -> tensor<?x20xf32>
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>, tensor<?xi32>)
      -> tensor<?x10xf32>
  return %a, %c : tensor<?x10xf32>, !deepseek.cache<latent: 16 x f32>
}

// -----

// expected-error @+1 {{expects a body of one block that returns}}
func.func private @prefill() attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64}

// -----

// expected-error @+1 {{expects 'deepseek.input' of its own on argument 0, but got ""}}
func.func @prefill(%tokens: tensor<?xi32>) attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
  return
}

// -----

// expected-error @+1 {{expects 'deepseek.input' of its own on argument 1, but got "tokens"}}
func.func @prefill(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                   %more: tensor<?xi32> {deepseek.input = "tokens"})
    attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
  return
}

// -----

// expected-error @+1 {{expects an entry point with input "cache"}}
func.func @prefill(%tokens: tensor<?xi32> {deepseek.input = "tokens"})
    attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
  return
}

// -----

// expected-error @+1 {{expects an entry point without input "layer"}}
func.func @prefill(%c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"}, %l: index {deepseek.input = "layer"})
    attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
  return
}

// -----

// expected-error @+1 {{expects a layer with input "activation"}}
func.func @decode.moe(%c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"}, %l: index {deepseek.input = "layer"})
    attributes {deepseek.form = "absorbed"} {
  return
}

// -----

// expected-error @+1 {{expects the activation and the cache as results, but got '(tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>, index) -> !deepseek.cache<latent: 16 x f32>'}}
func.func @decode.moe(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                      %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"}, %l: index {deepseek.input = "layer"})
    -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed"} {
  return %c : !deepseek.cache<latent: 16 x f32>
}

// -----

// Without the head the cache is all that an entry point gives.
// expected-error @+1 {{expects different outputs and the cache as results, but got '(tensor<?xi32>, !deepseek.cache<latent: 16 x f32>) -> tensor<?xi32>'}}
func.func @prefill_headless(%p: tensor<?xi32> {deepseek.input = "positions"},
                            %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
    -> tensor<?xi32> attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
  return %p : tensor<?xi32>
}

// -----

// A layer would read the positions of the call all the same.
func.func @decode.moe(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                      %p: tensor<?xi32> {deepseek.input = "positions"},
                      %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"}, %l: index {deepseek.input = "layer"})
    -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "absorbed"} {
  return %x, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
}
deepseek.weight @embed : tensor<40x8xbf16> from "embed" at [0, 0]
func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                  %p: tensor<?xi32> {deepseek.input = "positions"},
                  %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
    -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
  %e = deepseek.get_weight @embed : tensor<40x8xbf16>
  %x = deepseek.embedding %tokens, %e : (tensor<?xi32>, tensor<40x8xbf16>) -> tensor<?x8xf32>
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects the "positions" of the call for those of @decode.moe}}
  %y:2 = call @decode.moe(%x, %tokens, %c, %l)
      : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<latent: 16 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>)
  return %y#1 : !deepseek.cache<latent: 16 x f32>
}

// -----

// Entry points share the cache of a session.
// expected-error @+1 {{expects a cache of one type in all functions, but got '!deepseek.cache<latent: 16 x f32>' here, and in @decode_headless '!deepseek.cache<latent: 17 x f32>'}}
func.func @prefill_headless(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                            %p: tensor<?xi32> {deepseek.input = "positions"},
                            %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
    -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
  return %c : !deepseek.cache<latent: 16 x f32>
}
// expected-error @+1 {{expects a cache of one type in all functions, but got '!deepseek.cache<latent: 17 x f32>' here, and in @prefill_headless '!deepseek.cache<latent: 16 x f32>'}}
func.func @decode_headless(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                           %p: tensor<?xi32> {deepseek.input = "positions"},
                           %c: !deepseek.cache<latent: 17 x f32> {deepseek.input = "cache"})
    -> !deepseek.cache<latent: 17 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
  return %c : !deepseek.cache<latent: 17 x f32>
}

// -----

// expected-error @+1 {{expects different outputs and the cache as results}}
func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                  %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
    -> (tensor<?x8xf32> {deepseek.output = "logits"}, tensor<?x8xf32> {deepseek.output = "logits"}, !deepseek.cache<latent: 16 x f32>)
    attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
  %e = deepseek.get_weight @embed : tensor<40x8xbf16>
  %x = deepseek.embedding %tokens, %e : (tensor<?xi32>, tensor<40x8xbf16>) -> tensor<?x8xf32>
  return %x, %x, %c : tensor<?x8xf32>, tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
}
deepseek.weight @embed : tensor<40x8xbf16> from "embed" at [0, 0]

// -----

// expected-error @+1 {{expects a draft of the absorbed form}}
func.func @draft(%h: tensor<?x8xf32> {deepseek.input = "hidden"},
                 %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
    -> (tensor<?x8xf32> {deepseek.output = "hidden_out"}, !deepseek.cache<latent: 16 x f32>)
    attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
  return %h, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
}

// -----

// A draft has nothing to begin with after a call of an entry point that gives no states.
// expected-error @+1 {{expects output "hidden_out" of all entry points, since @draft drafts from it}}
func.func @decode_headless(%c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
    -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
  return %c : !deepseek.cache<latent: 16 x f32>
}
func.func @draft(%h: tensor<?x8xf32> {deepseek.input = "hidden"},
                 %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
    -> (tensor<?x8xf32> {deepseek.output = "hidden_out"}, !deepseek.cache<latent: 16 x f32>)
    attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
  return %h, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
}

// -----

// expected-error @+1 {{expects one draft with logits, and one without, but got more}}
func.func @draft(%h: tensor<?x8xf32> {deepseek.input = "hidden"},
                 %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
    -> (tensor<?x8xf32> {deepseek.output = "hidden_out"}, !deepseek.cache<latent: 16 x f32>)
    attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
  return %h, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
}
func.func @second(%h: tensor<?x8xf32> {deepseek.input = "hidden"},
                  %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
    -> (tensor<?x8xf32> {deepseek.output = "hidden_out"}, !deepseek.cache<latent: 16 x f32>)
    attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
  return %h, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
}

// -----

func.func @sparse(%q: tensor<?x20xf32>, %c: !deepseek.cache<latent: 16 x f32, index: 8 x f32>, %l: index, %w: tensor<22x12xbf16>,
                  %t: tensor<16x2x2xf32>, %iq: tensor<?x24xf32>, %iw: tensor<?x3xf32>, %p: tensor<?xi32>)
    attributes {deepseek.form = "absorbed"} {
  // expected-error @+1 {{'deepseek.sparse_attention' op is not expected after the model phase}}
  %a = deepseek.sparse_attention interleaved %q, %c[%l], %w, %t index %iq, %iw at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64, softmax_scale = 0.5 : f64,
       index_heads = 3 : i64, index_dim = 8 : i64, top_k = 5 : i64}
      : (tensor<?x20xf32>, !deepseek.cache<latent: 16 x f32, index: 8 x f32>, index, tensor<22x12xbf16>, tensor<16x2x2xf32>,
         tensor<?x24xf32>, tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x10xf32>
  return
}
