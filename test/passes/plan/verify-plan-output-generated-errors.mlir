// What generated functions are given, read and write.
// RUN: fathom-opt %s --fathom-verify-plan-output --split-input-file --verify-diagnostics

// Items write as many rows as there is memory for.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @generated_0(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
    %x = plan.operand 0 of %task at %item factor 1 : memref<1x8xf32>
    %out = plan.operand 1 of %task at %item factor 1 : memref<1x8xf32>
    %0 = bufferization.to_tensor %x restrict : memref<1x8xf32> to tensor<1x8xf32>
    %1 = deepseek.swiglu %0, %0 : tensor<1x8xf32>
    bufferization.materialize_in_destination %1 in restrict writable %out : (tensor<1x8xf32>, memref<1x8xf32>) -> ()
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    %m = plan.rows logit_rows of %call
    %y = plan.buffer of %call bytes 128 offset 128 sizes(%m) : memref<?x8xf32>
    // expected-error @+1 {{'plan.dispatch' op expects operand 1 with 1 row for each of the call, but got 1 row for each that wants logits}}
    plan.dispatch @generated_0 of %call rows %n layer %l ins(%x : memref<?x8xf32>) outs(%y : memref<?x8xf32>)
    return
  }
}

// -----

// And there are as many as the call has rows, or factors of those.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @generated_0(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
    %x = plan.operand 0 of %task at %item factor 1 : memref<1x8xf32>
    %out = plan.operand 1 of %task at %item factor 1 : memref<1x8xf32>
    %0 = bufferization.to_tensor %x restrict : memref<1x8xf32> to tensor<1x8xf32>
    %1 = deepseek.swiglu %0, %0 : tensor<1x8xf32>
    bufferization.materialize_in_destination %1 in restrict writable %out : (tensor<1x8xf32>, memref<1x8xf32>) -> ()
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    // expected-error @+1 {{'plan.dispatch' op expects rows of the call, or of each that wants logits, but got an unknown number of rows}}
    plan.dispatch @generated_0 of %call rows %l layer %l ins(%x : memref<?x8xf32>) outs(%x : memref<?x8xf32>)
    return
  }
}

// -----

// A row of the result is computed from a row of each operand.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @generated_0(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
    %x = plan.operand 0 of %task factor 1 : memref<?x8xf32>
    // expected-error @-1 {{'plan.operand' op expects as many rows of each operand of 'deepseek.swiglu'}}
    %out = plan.operand 1 of %task factor 1 : memref<?x8xf32>
    %0 = bufferization.to_tensor %x restrict : memref<?x8xf32> to tensor<?x8xf32>
    %1 = deepseek.swiglu %0, %0 : tensor<?x8xf32>
    bufferization.materialize_in_destination %1 in restrict writable %out : (tensor<?x8xf32>, memref<?x8xf32>) -> ()
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    plan.dispatch @generated_0 of %call rows %n layer %l ins(%x : memref<?x8xf32>) outs(%x : memref<?x8xf32>)
    return
  }
}

// -----

// An op writes as many rows as it has.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @generated_0(%task: !plan.task, %item: index, %scratch: !plan.scratch) attributes {plan.items = 1 : i64} {
    %x = plan.operand 0 of %task factor 1 : memref<?x8xf32>
    %w = plan.operand 1 of %task : memref<8x8xbf16>
    // expected-error @+1 {{'plan.operand' op expects a factor of 1 for rows that 'deepseek.linear' writes}}
    %out = plan.operand 2 of %task factor 2 : memref<?x8xf32>
    %0 = bufferization.to_tensor %x restrict : memref<?x8xf32> to tensor<?x8xf32>
    %1 = bufferization.to_tensor %w restrict : memref<8x8xbf16> to tensor<8x8xbf16>
    %2 = deepseek.linear %0, %1 : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    bufferization.materialize_in_destination %2 in restrict writable %out : (tensor<?x8xf32>, memref<?x8xf32>) -> ()
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    %w = plan.buffer of %call bytes 128 offset 128 : memref<8x8xbf16>
    plan.dispatch @generated_0 of %call rows %n layer %l ins(%x, %w : memref<?x8xf32>, memref<8x8xbf16>)
        outs(%x : memref<?x8xf32>)
    return
  }
}

// -----

// What an item computes goes to an operand.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @generated_0(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
    %x = plan.operand 0 of %task at %item factor 1 : memref<1x8xf32>
    %out = plan.temporary of %scratch offset 0 : memref<1x8xf32>
    %0 = bufferization.to_tensor %x restrict : memref<1x8xf32> to tensor<1x8xf32>
    // expected-error @+1 {{'deepseek.swiglu' op expects results that are written to operands of the dispatch}}
    %1 = deepseek.swiglu %0, %0 : tensor<1x8xf32>
    bufferization.materialize_in_destination %1 in restrict writable %out : (tensor<1x8xf32>, memref<1x8xf32>) -> ()
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    plan.dispatch @generated_0 of %call rows %n layer %l outs(%x : memref<?x8xf32>)
    return
  }
}

// -----

// Only what has items of its own says how many.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @generated_0(%task: !plan.task, %item: index, %scratch: !plan.scratch) attributes {plan.items = 2 : i64} {
    %x = plan.operand 0 of %task at %item factor 1 : memref<1x8xf32>
    %out = plan.operand 1 of %task at %item factor 1 : memref<1x8xf32>
    %0 = bufferization.to_tensor %x restrict : memref<1x8xf32> to tensor<1x8xf32>
    // expected-error @+1 {{'deepseek.swiglu' op expects 0 as 'plan.items' of its function}}
    %1 = deepseek.swiglu %0, %0 : tensor<1x8xf32>
    bufferization.materialize_in_destination %1 in restrict writable %out : (tensor<1x8xf32>, memref<1x8xf32>) -> ()
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    plan.dispatch @generated_0 of %call rows %n layer %l ins(%x : memref<?x8xf32>) outs(%x : memref<?x8xf32>)
    return
  }
}

// -----

// Calls are for layers.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @other(%call: !plan.call) {
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    // expected-error @+1 {{'func.call' op expects a layer, but got @other}}
    call @other(%call) : (!plan.call) -> ()
    return
  }
}

// -----

// What is written is an output.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @generated_0(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
    %x = plan.operand 0 of %task at %item factor 1 : memref<1x8xf32>
    %0 = bufferization.to_tensor %x restrict : memref<1x8xf32> to tensor<1x8xf32>
    %1 = deepseek.swiglu %0, %0 : tensor<1x8xf32>
    bufferization.materialize_in_destination %1 in restrict writable %x : (tensor<1x8xf32>, memref<1x8xf32>) -> ()
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    // expected-error @+1 {{'plan.dispatch' op expects operand 0, which is written, among its outputs}}
    plan.dispatch @generated_0 of %call rows %n layer %l ins(%x : memref<?x8xf32>)
    return
  }
}

// -----

// A dispatch names the stores that its function uses.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func private @generated_0(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
    %x, %p = builtin.unrealized_conversion_cast %task : !plan.task to tensor<1x16xf32>, tensor<1xi32>
    %c = builtin.unrealized_conversion_cast %task : !plan.task to !deepseek.cache<latent: 16 x f32>
    %layer = plan.layer of %task
    %d = deepseek.cache_append %c["latent"][%layer], %x at %p : <latent: 16 x f32>, tensor<1x16xf32> at tensor<1xi32>
    return
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    // expected-error @+1 {{'plan.dispatch' op expects to read [] and to write ["latent"]}}
    plan.dispatch @generated_0 of %call rows %n layer %l ins(%x : memref<?x8xf32>) reads ["latent"]
    return
  }
}
