// Memory that code of a plan may reach, whoever wrote it.
// RUN: fathom-opt %s --fathom-verify-plan-output --split-input-file --verify-diagnostics

// What is in bounds: rows of the call, rows for each, a layer that its caller passes.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "x86", tune = "x86-64-v3">,
                   deepseek.model = #facts, plan.scratch_bytes = 240 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @gate = "x86_f32_moe_gate" operands 4 constants [4, 2, 1, 1, 0, 0, 0, 0, 0]
  func.func private @layer(%call: !plan.call, %in: memref<?x8xf32>, %out: memref<?x8xf32>, %layer: index, %place: index) attributes {deepseek.form = "absorbed"} {
    %n = plan.rows rows of %call
    %c2 = arith.constant 2 : index
    %m = arith.muli %n, %c2 : index
    %x = plan.buffer of %call bytes 64 offset 0 sizes(%n) : memref<?x4xf32>
    %y = plan.buffer of %call bytes 128 offset 64 sizes(%m) : memref<?x4xf32>
    %i = plan.buffer of %call bytes 32 offset 192 sizes(%n) : memref<?x2xi32>
    %w = plan.buffer of %call bytes 32 offset 256 sizes(%n) : memref<?x2xf32>
    plan.dispatch @gate of %call rows %n layer %layer ins(%x, %x : memref<?x4xf32>, memref<?x4xf32>)
        outs(%i, %w : memref<?x2xi32>, memref<?x2xf32>)
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 320 : i64, plan.max_rows = 4 : i64} {
    %l = arith.constant 2 : index
    %n = plan.rows rows of %call
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    call @layer(%call, %x, %x, %l, %l) : (!plan.call, memref<?x8xf32>, memref<?x8xf32>, index, index) -> ()
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{expects constant E to be 0 to 16777216, but got -1}}
  plan.kernel @gate = "x86_f32_moe_gate" operands 4 constants [-1, 2, 1, 1, 0, 0, 0, 0, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    // expected-error @+1 {{'plan.buffer' op expects a place in an arena of 256 bytes}}
    %b = plan.buffer of %call bytes 64 offset 200 : memref<4x4xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    // expected-error @+1 {{'plan.buffer' op expects an offset that is a multiple of 64, but got 100}}
    %b = plan.buffer of %call bytes 64 offset 100 : memref<4x4xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    // expected-error @+1 {{'plan.buffer' op expects a place in an arena of 256 bytes}}
    %b = plan.buffer of %call bytes 9223372036854775807 offset 1 : memref<4x4xf32>
    return
  }
}

// -----

// An arena that does for one entry point does not do for another that calls the same layer.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @layer(%call: !plan.call, %in: memref<?x8xf32>, %out: memref<?x8xf32>, %layer: index, %place: index) attributes {deepseek.form = "absorbed"} {
    // expected-error @+1 {{'plan.buffer' op expects a place in an arena of 128 bytes}}
    %b = plan.buffer of %call bytes 64 offset 128 : memref<4x4xf32>
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %l = arith.constant 0 : index
    %n = plan.rows rows of %call
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    call @layer(%call, %x, %x, %l, %l) : (!plan.call, memref<?x8xf32>, memref<?x8xf32>, index, index) -> ()
    return
  }
  func.func @small(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 128 : i64, plan.max_rows = 4 : i64} {
    %l = arith.constant 0 : index
    %n = plan.rows rows of %call
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    call @layer(%call, %x, %x, %l, %l) : (!plan.call, memref<?x8xf32>, memref<?x8xf32>, index, index) -> ()
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    // expected-error @+1 {{'plan.buffer' op expects as many bytes as 'memref<?x4xf32>' has in a call of 4 rows}}
    %b = plan.buffer of %call bytes 63 offset 0 sizes(%n) : memref<?x4xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    // expected-error @+1 {{'plan.buffer' op expects as many bytes as 'memref<2x?x?xf32>' has in a call of 4 rows}}
    %b = plan.buffer of %call bytes 127 offset 0 sizes(%n, %n) : memref<2x?x?xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %c4 = arith.constant 4 : index
    // expected-error @+1 {{'plan.buffer' op expects counts of rows as sizes}}
    %b = plan.buffer of %call bytes 64 offset 0 sizes(%c4) : memref<4x?xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    // expected-error @+1 {{'plan.buffer' op expects as many bytes as 'memref<4294967296x4294967296xf32>' has in a call of 4 rows}}
    %b = plan.buffer of %call bytes 64 offset 0 : memref<4294967296x4294967296xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %n = arith.constant 4 : index
    // expected-error @+1 {{'plan.buffer' op expects counts of rows as sizes}}
    %b = plan.buffer of %call bytes 64 offset 0 sizes(%n) : memref<?x4xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 239 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @gate = "x86_f32_moe_gate" operands 4 constants [4, 2, 1, 1, 0, 0, 0, 0, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 256 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %b = plan.buffer of %call bytes 64 offset 0 sizes(%n) : memref<?x4xf32>
    %i = plan.buffer of %call bytes 32 offset 64 sizes(%n) : memref<?x2xi32>
    %w = plan.buffer of %call bytes 32 offset 128 sizes(%n) : memref<?x2xf32>
    %l = arith.constant 0 : index
    // expected-error @+1 {{'plan.dispatch' op expects 'plan.scratch_bytes' of 240 or more, but got 239}}
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
    %l = arith.constant 0 : index
    // expected-error @+1 {{'plan.dispatch' op expects rows of the call, or of each that wants logits, but got an unknown number of rows}}
    plan.dispatch @gate of %call rows %l layer %l ins(%b, %b : memref<?x4xf32>, memref<?x4xf32>)
        outs(%i, %w : memref<?x2xi32>, memref<?x2xf32>)
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{expects 'plan.max_rows' of 1048576 or less, but got 1048577}}
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 0 : i64, plan.max_rows = 1048577 : i64} {
    return
  }
}
