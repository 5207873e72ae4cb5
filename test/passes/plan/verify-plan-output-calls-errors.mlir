// What functions call and hold.
// RUN: fathom-opt %s --fathom-verify-plan-output --split-input-file --verify-diagnostics

// A layer runs over the rows of the call.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @decode.dense(%call: !plan.call, %in: memref<?x8xf32>, %out: memref<?x8xf32>, %layer: index, %place: index) attributes {deepseek.form = "absorbed"} {
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %m = plan.rows logit_rows of %call
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%m) : memref<?x8xf32>
    // expected-error @+1 {{'func.call' op expects an activation with 1 row for each of the call, but got 1 row for each that wants logits}}
    call @decode.dense(%call, %x, %x, %l, %l) : (!plan.call, memref<?x8xf32>, memref<?x8xf32>, index, index) -> ()
    return
  }
}

// -----

// A state is of the rows of the call.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %x = plan.buffer of %call bytes 32 offset 0 : memref<1x8xf32>
    // expected-error @+1 {{'plan.record_state' op expects a state with 1 row for each of the call, but got an unknown number of rows}}
    plan.record_state of %call %x layer 0 : memref<1x8xf32>
    plan.record_state of %call %x layer 1 : memref<1x8xf32>
    plan.record_state of %call %x layer 2 : memref<1x8xf32>
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @decode.dense(%call: !plan.call, %in: memref<?x8xf32>, %out: memref<?x8xf32>, %layer: index, %place: index) attributes {deepseek.form = "absorbed"} {
    // expected-error @+1 {{'func.call' op is not expected in a layer: entry points call layers}}
    call @decode.dense(%call, %in, %out, %layer, %place) : (!plan.call, memref<?x8xf32>, memref<?x8xf32>, index, index) -> ()
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    return
  }
}

// -----

// A layer has parameters in one order.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{expects a layer to take the call, two activations of one type, the layer's index and its place, but got '(!plan.call, index) -> ()'}}
  func.func private @decode.dense(%call: !plan.call, %layer: index) attributes {deepseek.form = "absorbed"} {
    return
  }
}

// -----

// Nobody divides by zero.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{'plan.kernel' op expects constant panels_per_item to be 1 to 16777216, but got 0}}
  plan.kernel @gemm = "avx2_bf16_gemm_rows" operands 3 constants [8, 8, 8, 0, 8, 0, 0, 0, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    return
  }
}

// -----

// A plan moves no data itself.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    // expected-error @+1 {{'memref.load' op is not expected outside generated functions after the plan phase}}
    %v = memref.load %x[%l, %l] : memref<?x8xf32>
    return
  }
}
