// Layers whose cache, weights and states code of a plan may reach, whoever wrote it.
// RUN: fathom-opt %s --fathom-verify-plan-output --split-input-file --verify-diagnostics

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 240 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @gate = "x86_f32_moe_gate" operands 4 constants [4, 2, 1, 1, 0, 0, 0, 0, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %b = plan.buffer of %call bytes 64 offset 0 sizes(%n) : memref<?x4xf32>
    %i = plan.buffer of %call bytes 32 offset 64 sizes(%n) : memref<?x2xi32>
    %w = plan.buffer of %call bytes 32 offset 128 sizes(%n) : memref<?x2xf32>
    %l = arith.constant 3 : index
    // expected-error @+1 {{'plan.dispatch' op expects a layer below 3, but got 3}}
    plan.dispatch @gate of %call rows %n layer %l ins(%b, %b : memref<?x4xf32>, memref<?x4xf32>)
        outs(%i, %w : memref<?x2xi32>, memref<?x2xf32>)
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 240 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @gate = "x86_f32_moe_gate" operands 4 constants [4, 2, 1, 1, 0, 0, 0, 0, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %b = plan.buffer of %call bytes 64 offset 0 sizes(%n) : memref<?x4xf32>
    %i = plan.buffer of %call bytes 32 offset 64 sizes(%n) : memref<?x2xi32>
    %w = plan.buffer of %call bytes 32 offset 128 sizes(%n) : memref<?x2xf32>
    // expected-error @+1 {{'plan.dispatch' op expects a layer that is a constant, or that calls pass}}
    plan.dispatch @gate of %call rows %n layer %n ins(%b, %b : memref<?x4xf32>, memref<?x4xf32>)
        outs(%i, %w : memref<?x2xi32>, memref<?x2xf32>)
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 240 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @gate = "x86_f32_moe_gate" operands 4 constants [4, 2, 1, 1, 0, 0, 0, 0, 0]
  func.func private @layer(%call: !plan.call, %in: memref<?x8xf32>, %out: memref<?x8xf32>, %layer: index, %place: index) attributes {deepseek.form = "absorbed"} {
    %n = plan.rows rows of %call
    %b = plan.buffer of %call bytes 64 offset 0 sizes(%n) : memref<?x4xf32>
    %i = plan.buffer of %call bytes 32 offset 64 sizes(%n) : memref<?x2xi32>
    %w = plan.buffer of %call bytes 32 offset 128 sizes(%n) : memref<?x2xf32>
    plan.dispatch @gate of %call rows %n layer %layer ins(%b, %b : memref<?x4xf32>, memref<?x4xf32>)
        outs(%i, %w : memref<?x2xi32>, memref<?x2xf32>)
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %l = arith.constant -1 : index
    %n = plan.rows rows of %call
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    // expected-error @+1 {{'func.call' op expects a layer below 3, but got -1}}
    call @layer(%call, %x, %x, %l, %l) : (!plan.call, memref<?x8xf32>, memref<?x8xf32>, index, index) -> ()
    return
  }
}

// -----

// Generated functions find the cache by layer, too.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @generated_0(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
    %x, %p = builtin.unrealized_conversion_cast %task : !plan.task to tensor<1x16xf32>, tensor<1xi32>
    %c = builtin.unrealized_conversion_cast %task : !plan.task to !deepseek.cache<latent: 16 x f32>
    %layer = plan.layer of %task
    %d = deepseek.cache_append %c["latent"][%layer], %x at %p : <latent: 16 x f32>, tensor<1x16xf32> at tensor<1xi32>
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %l = arith.constant 3 : index
    %n = plan.rows rows of %call
    %b = plan.buffer of %call bytes 16 offset 0 : memref<4xf32>
    // expected-error @+1 {{'plan.dispatch' op expects a layer below 3, but got 3}}
    plan.dispatch @generated_0 of %call rows %n layer %l ins(%b : memref<4xf32>) writes ["latent"]
    return
  }
}

// -----

// A layer's place among those that share its weights.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  deepseek.weight @w : tensor<8xbf16> layers [0, 2] from "w" at [0, 0, 0, 16] {plan.first_slice = 0 : i64}
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %i = arith.constant 2 : index
    // expected-error @+1 {{'plan.weight' op expects a layer below 2, but got 2}}
    %w = plan.weight of %call @w[%i] slices 0, 1 : memref<8xbf16>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  deepseek.weight @w : tensor<8xbf16> from "w" at [0, 0] {plan.first_slice = 0 : i64}
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    // expected-error @+1 {{'plan.weight' op expects 1 slices for each layer, but got 2}}
    %w = plan.weight of %call @w slices 0, 2 : memref<8xbf16>
    return
  }
}

// -----

// A caller gets what was recorded of every layer.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{expects the states of 3 layers, but got 1}}
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %b = plan.buffer of %call bytes 32 offset 0 : memref<1x8xf32>
    plan.record_state of %call %b layer 0 : memref<1x8xf32>
    return
  }
}

// -----

// A layer's place is not its index.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 240 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @swiglu = "x86_f32_swiglu" operands 3 constants [8, 0]
  func.func private @layer(%call: !plan.call, %in: memref<?x8xf32>, %out: memref<?x8xf32>, %layer: index, %place: index) attributes {deepseek.form = "absorbed"} {
    %n = plan.rows rows of %call
    // expected-error @+1 {{'plan.dispatch' op expects parameter 3 of its function, but got 4}}
    plan.dispatch @swiglu of %call rows %n layer %place ins(%in, %in : memref<?x8xf32>, memref<?x8xf32>)
        outs(%out : memref<?x8xf32>)
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    return
  }
}
