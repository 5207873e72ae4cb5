// What kernels and functions are given, against what they read and write.
// RUN: fathom-opt %s --fathom-verify-plan-output --split-input-file --verify-diagnostics

// What fits.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "x86", tune = "x86-64-v3">,
                   deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @swiglu = "x86_f32_swiglu" operands 3 constants [8, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    plan.dispatch @swiglu of %call rows %n layer %l ins(%x, %x : memref<?x8xf32>, memref<?x8xf32>)
        outs(%x : memref<?x8xf32>)
    return
  }
}

// -----

// A kernel reads and writes memory of its own types.
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
    %y = plan.buffer of %call bytes 144 offset 0 sizes(%n) : memref<?x9xf32>
    // expected-error @+1 {{'plan.dispatch' op expects 'memref<?x8xf32>' as 'out', but got 'memref<?x9xf32>'}}
    plan.dispatch @swiglu of %call rows %n layer %l ins(%x, %x : memref<?x8xf32>, memref<?x8xf32>)
        outs(%y : memref<?x9xf32>)
    return
  }
}

// -----

// A row of logits for each token, where the caller has room for those that want them.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @swiglu = "x86_f32_swiglu" operands 3 constants [16, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 256 offset 0 sizes(%n) : memref<?x16xf32>
    %y = plan.argument "logits" of %call : memref<?x16xf32>
    // expected-error @+1 {{'plan.dispatch' op expects 'out' with 1 row for each of the call, but got 1 row for each that wants logits}}
    plan.dispatch @swiglu of %call rows %n layer %l ins(%x, %x : memref<?x16xf32>, memref<?x16xf32>)
        outs(%y : memref<?x16xf32>)
    return
  }
}

// -----

// Rows are picked among those of the call.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @select = "x86_f32_select_rows" operands 3 constants [8, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %m = plan.rows logit_rows of %call
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%m) : memref<?x8xf32>
    %i = plan.argument "logit_row_ids" of %call : memref<?xi32>
    // expected-error @+1 {{'plan.dispatch' op expects 'x' with 1 row for each of the call, but got 1 row for each that wants logits}}
    plan.dispatch @select of %call rows %m layer %l ins(%x, %i : memref<?x8xf32>, memref<?xi32>)
        outs(%x : memref<?x8xf32>)
    return
  }
}

// -----

// More rows than a token has experts.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @combine = "x86_f32_moe_combine" operands 4 constants [8, 2, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %c3 = arith.constant 3 : index
    %m = arith.muli %n, %c3 : index
    %y = plan.buffer of %call bytes 384 offset 0 sizes(%m) : memref<?x8xf32>
    %s = plan.buffer of %call bytes 32 offset 384 sizes(%n) : memref<?x2xi32>
    %w = plan.buffer of %call bytes 32 offset 448 sizes(%n) : memref<?x2xf32>
    %x = plan.buffer of %call bytes 128 offset 512 sizes(%n) : memref<?x8xf32>
    // expected-error @+1 {{'plan.dispatch' op expects 'y' with 2 rows for each of the call, but got 3 rows for each of the call}}
    plan.dispatch @combine of %call rows %n layer %l
        ins(%y, %s, %w : memref<?x8xf32>, memref<?x2xi32>, memref<?x2xf32>) outs(%x : memref<?x8xf32>)
    return
  }
}

// -----

// Columns end within rows.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @append = "x86_f32_cache_append" operands 1 constants [1, 16, 20, 8, 0, 0, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 320 offset 0 sizes(%n) : memref<?x20xf32>
    // expected-error @+1 {{'plan.dispatch' op expects rows of 24 or more columns as 'x', but got 20}}
    plan.dispatch @append of %call rows %n layer %l ins(%x : memref<?x20xf32>) writes ["latent"]
    return
  }
}

// -----

// Positions are those of rows of the call.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @append = "x86_f32_cache_append" operands 1 constants [1, 16, 16, 0, 0, 0, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %m = arith.muli %n, %c2 : index
    %x = plan.buffer of %call bytes 512 offset 0 sizes(%m) : memref<?x16xf32>
    // expected-error @+1 {{'plan.dispatch' op expects rows of the call, or of each that wants logits, but got 2 rows for each of the call}}
    plan.dispatch @append of %call rows %m layer %l ins(%x : memref<?x16xf32>) writes ["latent"]
    return
  }
}

// -----

// A table of angles has a row for each position of a context.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  plan.kernel @rope = "x86_f32_rope" operands 3 constants [1, 8, 8, 0, 8, 0, 0]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    %w = plan.buffer of %call bytes 480 offset 256 : memref<15x4x2xf32>
    // expected-error @+1 {{'plan.dispatch' op expects 'memref<16x4x2xf32>' as 'table', but got 'memref<15x4x2xf32>'}}
    plan.dispatch @rope of %call rows %n layer %l ins(%x, %w : memref<?x8xf32>, memref<15x4x2xf32>)
        outs(%x : memref<?x8xf32>)
    return
  }
}

// -----

// A weight is what its symbol says.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  deepseek.weight @w : tensor<8xbf16> from "w" at [0, 0] {plan.first_slice = 0 : i64}
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    // expected-error @+1 {{'plan.weight' op expects 'memref<8xbf16>', but got 'memref<9xbf16>'}}
    %w = plan.weight of %call @w slices 0, 1 : memref<9xbf16>
    return
  }
}

// -----

// As many experts as the kernel chooses from.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  deepseek.weight @w : tensor<2x8x8xbf16> experts from "w" at [0, 0, 0, 128] {plan.first_slice = 0 : i64}
  plan.kernel @moe = "avx2_bf16_moe_gemm_rows" operands 5 constants [8, 8, 3, 1, 1, 0, 0, 1]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    %o = plan.buffer of %call bytes 16 offset 256 : memref<4xi32>
    %s = plan.buffer of %call bytes 16 offset 320 sizes(%n) : memref<?xi32>
    %w = plan.weight of %call @w slices 0, 2 : !plan.table<memref<8x8xbf16>>
    // expected-error @+1 {{'plan.dispatch' op expects weights of 3 experts as 'w', but got 2}}
    plan.dispatch @moe of %call rows %n layer %l
        ins(%x, %o, %s, %w : memref<?x8xf32>, memref<4xi32>, memref<?xi32>, !plan.table<memref<8x8xbf16>>)
        outs(%x : memref<?x8xf32>)
    return
  }
}

// -----

// An epilogue reads as many columns as there are outputs, of one type.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  deepseek.weight @w : tensor<8x8xbf16> from "w" at [0, 0] {plan.first_slice = 0 : i64}
  plan.kernel @gemm = "avx2_bf16_gemm_rows" operands 3 constants [8, 8, 8, 0, 8, 0, 0, 0, 1] {
  ^bb0(%s: f32, %e: f32):
    %0 = arith.addf %s, %e : f32
    plan.yield %0
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    %w = plan.weight of %call @w slices 0, 1 : memref<8x8xbf16>
    %e = plan.buffer of %call bytes 28 offset 256 : memref<7xf32>
    // expected-error @+1 {{'plan.dispatch' op expects an extra operand of 8 columns or more, and of one type in all dispatches of @gemm, but got 'memref<7xf32>'}}
    plan.dispatch @gemm of %call rows %n layer %l ins(%x, %w : memref<?x8xf32>, memref<8x8xbf16>)
        outs(%x : memref<?x8xf32>) extras(%e : memref<7xf32>)
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  deepseek.weight @w : tensor<8x8xbf16> from "w" at [0, 0] {plan.first_slice = 0 : i64}
  plan.kernel @gemm = "avx2_bf16_gemm_rows" operands 3 constants [8, 8, 8, 0, 8, 0, 0, 0, 1] {
  ^bb0(%s: f32, %e: f32):
    %0 = arith.addf %s, %e : f32
    plan.yield %0
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    %w = plan.weight of %call @w slices 0, 1 : memref<8x8xbf16>
    %e = plan.buffer of %call bytes 32 offset 256 : memref<8xf32>
    plan.dispatch @gemm of %call rows %n layer %l ins(%x, %w : memref<?x8xf32>, memref<8x8xbf16>)
        outs(%x : memref<?x8xf32>) extras(%x : memref<?x8xf32>)
    // expected-error @+1 {{'plan.dispatch' op expects an extra operand of 8 columns or more, and of one type in all dispatches of @gemm, but got 'memref<8xf32>'}}
    plan.dispatch @gemm of %call rows %n layer %l ins(%x, %w : memref<?x8xf32>, memref<8x8xbf16>)
        outs(%x : memref<?x8xf32>) extras(%e : memref<8xf32>)
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 999999 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  deepseek.weight @w : tensor<8x8xbf16> from "w" at [0, 0] {plan.first_slice = 0 : i64}
  plan.kernel @gemm = "avx2_bf16_gemm_rows" operands 3 constants [8, 8, 8, 0, 8, 0, 0, 0, 1] {
  ^bb0(%s: f32, %e: f32):
    %0 = arith.addf %s, %e : f32
    plan.yield %0
  }
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 4096 : i64, plan.max_rows = 4 : i64} {
    %n = plan.rows rows of %call
    %l = arith.constant 0 : index
    %x = plan.buffer of %call bytes 128 offset 0 sizes(%n) : memref<?x8xf32>
    %w = plan.weight of %call @w slices 0, 1 : memref<8x8xbf16>
    %m = plan.rows logit_rows of %call
    %e = plan.buffer of %call bytes 128 offset 256 sizes(%m) : memref<?x8xf32>
    // expected-error @+1 {{'plan.dispatch' op expects an extra operand with 1 row for each of the call, but got 1 row for each that wants logits}}
    plan.dispatch @gemm of %call rows %n layer %l ins(%x, %w : memref<?x8xf32>, memref<8x8xbf16>)
        outs(%x : memref<?x8xf32>) extras(%e : memref<?x8xf32>)
    return
  }
}
