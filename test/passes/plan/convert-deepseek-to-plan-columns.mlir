// A slice of columns is a stride where a kernel takes one, and columns of whole rows in generated functions.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan | FileCheck %s
// RUN: fathom-opt %s --fathom-attach-target --fathom-plan-pipeline --fathom-lower-pipeline -o /dev/null

module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 4 : i64, hidden = 8 : i64, layers = 1 : i64,
                                     max_context = 16 : i64, bos_token = 0 : i64,
                                     eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {
  deepseek.weight @table : tensor<4x8xbf16> from "t" at [0, 0]
  deepseek.weight @w : tensor<4x4xbf16> from "w" at [0, 256]

  // CHECK-LABEL: func.func @prefill(
  // CHECK-SAME: %[[CALL:.*]]: !plan.call)
  func.func @prefill(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                     %p: tensor<?xi32> {deepseek.input = "positions"},
                     %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                     %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> (tensor<?x4xf32> {deepseek.output = "logits"}, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?xi32>
    %t = deepseek.get_weight @table : tensor<4x8xbf16>
    %w = deepseek.get_weight @w : tensor<4x4xbf16>
    // CHECK: %[[LOGITS:.*]] = plan.argument "logits"
    %e = deepseek.embedding %tokens, %t {deepseek.kernel = "x86_bf16_embedding"}
        : (tensor<?xi32>, tensor<4x8xbf16>) -> tensor<?x8xf32>
    // CHECK: plan.dispatch
    // CHECK: %[[X:.*]] = plan.buffer {{.*}} : memref<?x8xf32>
    %x = deepseek.select_rows %e, %r {deepseek.kernel = "x86_f32_select_rows"}
        : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    %s = tensor.extract_slice %x[0, 4] [%n, 4] [1, 1] : tensor<?x8xf32> to tensor<?x4xf32>
    // CHECK: %[[Y:.*]] = plan.buffer {{.*}} : memref<?x4xf32>
    // CHECK: plan.dispatch @[[$GEMM:[^ ]*]] of {{.*}} ins(%[[X]], %{{.*}} : {{.*}}) outs(%[[Y]] : {{.*}})
    %y = deepseek.linear %s, %w {deepseek.kernel = "avx2_bf16_gemm_rows"}
        : (tensor<?x4xf32>, tensor<4x4xbf16>) -> tensor<?x4xf32>
    // An epilogue knows no stride.
    // CHECK: plan.dispatch @generated_0 of %[[CALL]] rows %{{.*}} layer %{{.*}} ins(%[[Y]], %{{.*}}, %[[X]] : {{.*}}) outs(%[[LOGITS]] : {{.*}})
    %z = deepseek.linear %y, %w epilogue(%s) {
    ^bb0(%a: f32, %b: f32):
      %0 = arith.addf %a, %b : f32
      deepseek.yield %0 : f32
    } {deepseek.kernel = "avx2_bf16_gemm_rows"}
        : (tensor<?x4xf32>, tensor<4x4xbf16>, tensor<?x4xf32>) -> tensor<?x4xf32>
    return %z, %c : tensor<?x4xf32>, !deepseek.cache<latent: 16 x f32>
  }

  // K, N, x_stride, x_offset.
  // CHECK: plan.kernel @[[$GEMM]] = "avx2_bf16_gemm_rows" operands 3 constants [4, 4, 8, 4,

  // The items of a product are outputs of all rows.
  // CHECK-LABEL: func.func private @generated_0(
  // CHECK-SAME: attributes {plan.items = 1 : i64}
  // CHECK: %[[ROWS:.*]] = plan.operand 2 of %{{.*}} factor 1 : memref<?x8xf32>
  // CHECK: memref.subview %[[ROWS]][0, 4] [%{{.*}}, 4] [1, 1] : memref<?x8xf32> to memref<?x4xf32, strided<[8, 1], offset: 4>>
}
