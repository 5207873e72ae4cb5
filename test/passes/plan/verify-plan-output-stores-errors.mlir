// Stores of the cache.
// RUN: fathom-opt %s --fathom-verify-plan-output --split-input-file --verify-diagnostics

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
// expected-error @+1 {{expects stores with distinct names, but got 'latent' twice}}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>, #plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
// expected-error @+1 {{expects adjacent stores, the next at offset 12288, but got #plan.store<"index", layers = 3, width = 2, offset = 0>}}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>,
                                  #plan.store<"index", layers = 3, width = 2, offset = 0>]} {
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
// expected-error @+1 {{expects a page of 12288 bytes, but got 12289}}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12289 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 6144 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, element = bf16, offset = 0>]} {
  // expected-error @+1 {{'plan.kernel' op expects a store of 1 x 16 numbers of format 2 a row at 0, but got none}}
  plan.kernel @k = "x86_f32_cache_append" operands 1 constants [1, 16, 16, 0, 0, 2, 0]
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}

// -----

// A latent in FP8 has its key in bf16.
#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 4608 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 20, element = f8E4M3FN, offset = 0>]} {
  // expected-error @+1 {{'plan.kernel' op expects a store of 1 x 20 numbers of format 2 a row at 0, but got none}}
  plan.kernel @k = "x86_bf16_mla_append" operands 3 constants [16, 4, 20, 0, 0, 2, 0, 0]
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64, plan.arena_bytes = 64 : i64} {
    return
  }
}
