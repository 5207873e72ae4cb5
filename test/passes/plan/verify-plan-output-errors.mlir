// Modules that the plan phase never leaves: what lowering and the runtime rely on, broken once each.
// RUN: fathom-opt %s --fathom-verify-plan-output --split-input-file --verify-diagnostics

func.func @no_offset(%call: !plan.call) {
  // expected-error @+1 {{'plan.buffer' op expects an offset after the plan phase}}
  %b = plan.buffer of %call bytes 64 : memref<4xf32>
  return
}

// -----

func.func @tensors(%x: tensor<?x8xf32>) attributes {deepseek.form = "expanded"} {
  // expected-error @+1 {{'deepseek.swiglu' op is not expected outside generated functions after the plan phase}}
  %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
  return
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "x86", tune = "x86-64-v3">,
                   deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // Weights stay, and so do the ops of generated functions.
  deepseek.weight @w : tensor<8xbf16> from "w" at [0, 0] {plan.first_slice = 0 : i64}
  plan.kernel @k = "x86_f32_select_rows" operands 3 constants [8, 0]
  func.func @generated_0(%x: tensor<?x8xf32>, %call: !plan.call) {
    %b = plan.buffer of %call bytes 64 offset 0 : memref<4xf32>
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    return
  }
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    %w = plan.weight of %call @w slices 0, 1 : memref<8xbf16>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{'plan.kernel' op expects a kernel of the catalog, but got "select"}}
  plan.kernel @k = "select" operands 3 constants [8]
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{'plan.kernel' op expects 3 operands, but got 2}}
  plan.kernel @k = "x86_f32_select_rows" operands 2 constants [8, 0]
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{'plan.kernel' op expects 2 constants, but got 3}}
  plan.kernel @k = "x86_f32_select_rows" operands 3 constants [8, 0, 8]
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{expects an entry point '(!plan.call) -> ()', but got '(!plan.call, index) -> ()'}}
  func.func @decode(%call: !plan.call, %i: index) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{expects 'deepseek.form' on an entry point}}
  func.func @decode(%call: !plan.call) attributes {plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{expects 'plan.arena_bytes' on an entry point}}
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  deepseek.weight @w : tensor<8xbf16> from "w" at [0, 0] {plan.first_slice = 0 : i64}
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    // expected-error @+1 {{'plan.weight' op expects @w to begin at slice 1}}
    %w = plan.weight of %call @w slices 1, 1 : memref<8xbf16>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    // expected-error @+1 {{'plan.weight' op expects @w to begin at slice 0}}
    %w = plan.weight of %call @w slices 0, 1 : memref<8xbf16>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{expects adjacent weights in the weight table, the next at slice 0, but got 1}}
  deepseek.weight @w : tensor<8xbf16> from "w" at [0, 0] {plan.first_slice = 1 : i64}
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

// expected-error @+1 {{expects 'deepseek.model' on the module after the plan phase}}
module attributes {plan.scratch_bytes = 0 : i64} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
// expected-error @+1 {{expects 'plan.scratch_bytes' on the module after the plan phase}}
module attributes {deepseek.model = #facts} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

// expected-error @+1 {{expects an entry point after the plan phase}}
module {}

// -----

// expected-error @+1 {{expects 'plan.first_slice' only on weights and recipes}}
func.func @function() attributes {plan.first_slice = 0 : i64} {
  return
}

// -----

// expected-error @+1 {{expects a body: a model's code calls no external functions}}
func.func private @puts(!plan.call)

// -----

// Memory for logits and states is the caller's, of the widths that the facts say.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    %h = plan.argument "hidden_out" of %call : memref<?x8xf32>
    // expected-error @+1 {{'plan.argument' op expects rows of vocabulary 16, but got 'memref<?x17xf32>'}}
    %l = plan.argument "logits" of %call : memref<?x17xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    %b = plan.buffer of %call bytes 36 offset 0 : memref<1x9xf32>
    // expected-error @+1 {{'plan.record_state' op expects rows of hidden 8, but got 'memref<1x9xf32>'}}
    plan.record_state of %call %b layer 0 : memref<1x9xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    %b = plan.buffer of %call bytes 32 offset 0 : memref<1x8xf32>
    // expected-error @+1 {{'plan.record_state' op expects a layer below 3, but got 3}}
    plan.record_state of %call %b layer 3 : memref<1x8xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{'plan.kernel' op expects vocabulary 16, but got 15}}
  plan.kernel @k = "x86_bf16_embedding" operands 3 constants [15, 8, 0]
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{'plan.kernel' op expects a store of 1 x 20 numbers of format 0 a row at 0, but got none}}
  plan.kernel @k = "x86_bf16_mla_append" operands 3 constants [16, 4, 20, 0, 0, 0, 0, 0]
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{'plan.kernel' op expects a store of 1 x 16 numbers of format 0 a row at 64, but got none}}
  plan.kernel @k = "x86_f32_cache_append" operands 1 constants [1, 16, 16, 0, 64, 0, 0]
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}
