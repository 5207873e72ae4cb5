// The experts of a layer are a stack in one slice where the target lays weights out, else a table of slices.
// RUN: fathom-opt %s --split-input-file --fathom-convert-deepseek-to-plan | FileCheck %s

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 4 : i64, layers = 1 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
#packed = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "avx2", tune = "x86-64-v3",
                           layout = <panels = 32, interleave = 32>>
module attributes {deepseek.model = #facts, deepseek.target = #packed} {
  // CHECK: deepseek.weight @table {{.*}} {plan.first_slice = 0 : i64}
  deepseek.weight @table : tensor<8x4xbf16> from "t" at [0, 0]
  // CHECK: deepseek.weight @w {{.*}} {plan.first_slice = 1 : i64}
  deepseek.weight @w : tensor<4x4x4xbf16> experts from "{expert}" at [0, 64, 0, 96, 0, 128, 0, 160]
  // CHECK: deepseek.weight @last {{.*}} {plan.first_slice = 2 : i64}
  deepseek.weight @last : tensor<4xbf16> from "last" at [0, 192]
  // CHECK-LABEL: func.func @prefill(
  // CHECK: %[[W:.*]] = plan.weight of %{{.*}} @w slices 1, 1 : memref<4x4x4xbf16>
  // CHECK: plan.dispatch {{.*}}%[[W]]
  func.func @prefill(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                     %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> (tensor<?x4xf32> {deepseek.output = "hidden_out"}, !deepseek.cache<latent: 16 x f32>)
      attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x4xbf16>
    %w = deepseek.get_weight @w : tensor<4x4x4xbf16>
    %n = deepseek.get_weight @last : tensor<4xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x4xbf16>) -> tensor<?x4xf32>
    %i, %g = deepseek.moe_gate %x <softmax, none, top_k = 2> : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %o, %r, %s = deepseek.moe_permute %i experts 4 : (tensor<?x2xi32>) -> (tensor<5xi32>, tensor<?xi32>, tensor<?x2xi32>)
    %y = deepseek.moe_linear gather %x, %o, %r, %w top_k 2
        : (tensor<?x4xf32>, tensor<5xi32>, tensor<?xi32>, tensor<4x4x4xbf16>) -> tensor<?x4xf32>
    %z = deepseek.moe_combine %y, %s, %g : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    %v = deepseek.rms_norm %z, %n eps 1.0e-6 : tensor<?x4xf32>, tensor<4xbf16>
    return %v, %c : tensor<?x4xf32>, !deepseek.cache<latent: 16 x f32>
  }
}

// -----

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 4 : i64, layers = 1 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}
#rows = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "avx2", tune = "x86-64-v3">
module attributes {deepseek.model = #facts, deepseek.target = #rows} {
  deepseek.weight @table : tensor<8x4xbf16> from "t" at [0, 0]
  deepseek.weight @w : tensor<4x4x4xbf16> experts from "{expert}" at [0, 64, 0, 96, 0, 128, 0, 160]
  // CHECK: deepseek.weight @last {{.*}} {plan.first_slice = 5 : i64}
  deepseek.weight @last : tensor<4xbf16> from "last" at [0, 192]
  // CHECK-LABEL: func.func @prefill(
  // CHECK: plan.weight of %{{.*}} @w slices 1, 4 : !plan.table<memref<4x4xbf16>>
  func.func @prefill(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                     %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> (tensor<?x4xf32> {deepseek.output = "hidden_out"}, !deepseek.cache<latent: 16 x f32>)
      attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x4xbf16>
    %w = deepseek.get_weight @w : tensor<4x4x4xbf16>
    %n = deepseek.get_weight @last : tensor<4xbf16>
    %x = deepseek.embedding %tokens, %t : (tensor<?xi32>, tensor<8x4xbf16>) -> tensor<?x4xf32>
    %i, %g = deepseek.moe_gate %x <softmax, none, top_k = 2> : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %o, %r, %s = deepseek.moe_permute %i experts 4 : (tensor<?x2xi32>) -> (tensor<5xi32>, tensor<?xi32>, tensor<?x2xi32>)
    %y = deepseek.moe_linear gather %x, %o, %r, %w top_k 2
        : (tensor<?x4xf32>, tensor<5xi32>, tensor<?xi32>, tensor<4x4x4xbf16>) -> tensor<?x4xf32>
    %z = deepseek.moe_combine %y, %s, %g : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    %v = deepseek.rms_norm %z, %n eps 1.0e-6 : tensor<?x4xf32>, tensor<4xbf16>
    return %v, %c : tensor<?x4xf32>, !deepseek.cache<latent: 16 x f32>
  }
}
