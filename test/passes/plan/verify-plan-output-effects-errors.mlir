// What dispatches say that they write, and which stores they use.
// RUN: fathom-opt %s --fathom-verify-plan-output --split-input-file --verify-diagnostics

// What a kernel writes is said as that.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @swiglu = "x86_f32_swiglu" operands 3 constants [8, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    // expected-error @+1 {{'plan.dispatch' op expects 1 outputs, but got 0}}
    plan.dispatch @swiglu of %call rows %n layer %l ins(%x, %x, %x : memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>)
    return
  }
}

// -----

// Stores that a kernel writes are said.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @append = "x86_f32_cache_append" operands 1 constants [1, 16, 16, 0, 0, 0, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 256 offset 0 sizes(%n) : memref<?x16xf32>
    // expected-error @+1 {{'plan.dispatch' op expects to read [] and to write ["latent"]}}
    plan.dispatch @append of %call rows %n layer %l ins(%x : memref<?x16xf32>)
    return
  }
}

// -----

// To read a store is not to write it: another dispatch may read it at the same time.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @append = "x86_f32_cache_append" operands 1 constants [1, 16, 16, 0, 0, 0, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 256 offset 0 sizes(%n) : memref<?x16xf32>
    // expected-error @+1 {{'plan.dispatch' op expects to read [] and to write ["latent"]}}
    plan.dispatch @append of %call rows %n layer %l ins(%x : memref<?x16xf32>) reads ["latent"]
    return
  }
}

// -----

// Nor does a kernel use a store that its constants do not find.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @swiglu = "x86_f32_swiglu" operands 3 constants [8, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    // expected-error @+1 {{'plan.dispatch' op expects to read [] and to write []}}
    plan.dispatch @swiglu of %call rows %n layer %l ins(%x, %x : memref<?x8xf32>, memref<?x8xf32>)
        outs(%x : memref<?x8xf32>) writes ["latent"]
    return
  }
}

// -----

// What an artifact says of a kernel holds for all of its dispatches.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @append = "x86_f32_cache_append" operands 1 constants [1, 16, 16, 0, 0, 0, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 256 offset 0 sizes(%n) : memref<?x16xf32>
    plan.dispatch @append of %call rows %n layer %l ins(%x : memref<?x16xf32>) writes ["latent"]
    // expected-error @+1 {{'plan.dispatch' op expects as many inputs, outputs, extras and stores as other dispatches of @append have}}
    plan.dispatch @append of %call rows %n layer %l ins(%x : memref<?x16xf32>) reads ["latent"]
    return
  }
}
