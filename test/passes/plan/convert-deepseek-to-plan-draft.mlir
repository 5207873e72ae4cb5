// Hidden states come from the call and go there, of an entry point that drafts as of others; its buffers have room for
// its own rows, and stores for its layer behind those of the model.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan | FileCheck %s

#facts = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 2 : i64, draft_layers = 1 : i64,
          max_context = 16 : i64, bos_token = 0 : i64, eos_tokens = array<i64: 1>}

// CHECK: plan.stores = [#plan.store<"latent", layers = 3, width = 16, offset = 0>]
module attributes {deepseek.model = #facts} {
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 0]

  // CHECK-LABEL: func.func private @draft.mtp(
  // CHECK: plan.buffer of %{{.*}} bytes 224 sizes
  func.func private @draft.mtp(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                               %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"},
                               %l: index {deepseek.input = "layer"})
      -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "absorbed"} {
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    %z = deepseek.swiglu %y, %x : tensor<?x8xf32>
    return %z, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }

  // CHECK-LABEL: func.func @decode(
  // CHECK-DAG: %[[TOKENS:.*]] = plan.argument "tokens"
  // CHECK-DAG: %[[OUT:.*]] = plan.argument "hidden_out" of %{{.*}} : memref<?x8xf32>
  func.func @decode(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                    %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> (tensor<?x8xf32> {deepseek.output = "hidden_out"}, !deepseek.cache<latent: 16 x f32>)
      attributes {deepseek.form = "absorbed", deepseek.max_rows = 4 : i64} {
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    // CHECK: plan.dispatch @{{.*}} ins(%[[TOKENS]], %{{.*}} : {{.*}}) outs(%[[OUT]] : {{.*}})
    %x = deepseek.embedding %tokens, %t {deepseek.kernel = "x86_bf16_embedding"}
        : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    return %x, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }

  // CHECK-LABEL: func.func @draft(
  // CHECK-DAG: %[[HIDDEN:.*]] = plan.argument "hidden" of %{{.*}} : memref<?x8xf32>
  // CHECK-DAG: %[[IDS:.*]] = plan.argument "logit_row_ids"
  // CHECK-DAG: %[[LOGITS:.*]] = plan.argument "logits"
  // CHECK-DAG: %[[OUT:.*]] = plan.argument "hidden_out"
  func.func @draft(%h: tensor<?x8xf32> {deepseek.input = "hidden"},
                   %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                   %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> (tensor<?x8xf32> {deepseek.output = "logits"}, tensor<?x8xf32> {deepseek.output = "hidden_out"}, !deepseek.cache<latent: 16 x f32>)
      attributes {deepseek.form = "absorbed", deepseek.max_rows = 7 : i64} {
    // CHECK-DAG: %[[LAYER:.*]] = arith.constant 2 : index
    // CHECK: call @draft.mtp(%{{.*}}, %[[HIDDEN]], %[[OUT]], %[[LAYER]], %{{.*}})
    %l = arith.constant 2 : index
    %y:2 = call @draft.mtp(%h, %c, %l)
        : (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>)
    // CHECK: plan.dispatch @{{.*}} ins(%[[OUT]], %[[IDS]] : {{.*}}) outs(%[[LOGITS]] : {{.*}})
    %s = deepseek.select_rows %y#0, %r {deepseek.kernel = "x86_f32_select_rows"}
        : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    return %s, %y#0, %y#1 : tensor<?x8xf32>, tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }
}
