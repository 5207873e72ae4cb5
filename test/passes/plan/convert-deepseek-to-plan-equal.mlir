// One function does what several ops do that are alike, in whatever entry point they are.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan | FileCheck %s

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64, max_context = 16 : i64,
          bos_token = 0 : i64, eos_tokens = array<i64: 1>}

module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]

  // CHECK-LABEL: func.func @prefill(
  // CHECK: plan.dispatch @generated_0
  // CHECK-NEXT: return
  func.func @prefill(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                     %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t {deepseek.kernel = "x86_bf16_embedding"}
        : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %y = tensor.concat dim(1) %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
    return %c : !deepseek.cache<latent: 16 x f32>
  }

  // The widths of @generated_1 are others.
  // CHECK-LABEL: func.func @decode(
  // CHECK: plan.dispatch @generated_0
  // CHECK: plan.dispatch @generated_1
  // CHECK-NEXT: return
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> !deepseek.cache<latent: 16 x f32> attributes {deepseek.form = "absorbed", deepseek.max_rows = 2 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    %x = deepseek.embedding %tokens, %t {deepseek.kernel = "x86_bf16_embedding"}
        : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %y = tensor.concat dim(1) %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
    %z = tensor.concat dim(1) %x, %y : (tensor<?x8xf32>, tensor<?x16xf32>) -> tensor<?x24xf32>
    return %c : !deepseek.cache<latent: 16 x f32>
  }

  // CHECK: func.func private @generated_0(
  // CHECK: func.func private @generated_1(
  // CHECK-NOT: @generated_2
}
