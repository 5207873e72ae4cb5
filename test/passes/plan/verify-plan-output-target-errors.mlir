// A plan is for a machine that runs all of its kernels.
// RUN: fathom-opt %s --fathom-verify-plan-output --split-input-file --verify-diagnostics

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
// expected-error @+1 {{expects the machine to compile for in attribute 'deepseek.target'}}
module attributes {deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 0 : i64, plan.max_rows = 4 : i64} {
    return
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 16 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "x86", tune = "x86-64-v3">,
                   deepseek.model = #facts, plan.scratch_bytes = 0 : i64, plan.page_bytes = 12288 : i64,
                   plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]} {
  // expected-error @+1 {{'plan.kernel' op expects a kernel for x86, but got "avx2_f32_gemm"}}
  plan.kernel @gemm = "avx2_f32_gemm" operands 3 constants [8, 32, 8, 0, 32, 0, 0, 0, 1]
  func.func @decode(%call: !plan.call)
      attributes {deepseek.form = "absorbed", plan.arena_bytes = 0 : i64, plan.max_rows = 4 : i64} {
    return
  }
}
