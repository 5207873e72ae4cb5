// Functions take buffers instead of tensors; ops become dispatches of their kernels, or of generated functions.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan | FileCheck %s
// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan --fathom-convert-deepseek-to-plan | FileCheck %s

// Values are not compared beyond this level, which is said.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-plan --verify-numerics-each -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK: remark: numerics of @prefill are not verified from here on: cannot evaluate its arguments

// CHECK: module attributes {{.*}}plan.scratch_bytes = {{[1-9][0-9]*}} : i64
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 8 : i64, layers = 3 : i64,
                                     max_context = 16 : i64, bos_token = 0 : i64,
                                     eos_tokens = array<i64: 1>, temperature = 0.0, top_p = 0.0, top_k = 0 : i64}} {
  // Places in the weight table are counted over the weights in use.
  // CHECK: deepseek.weight @w {{.*}} {plan.first_slice = 0 : i64}
  deepseek.weight @w : tensor<8x8xbf16> layers [1, 2] from "w" at [0, 0, 0, 128]
  // CHECK: deepseek.weight @unused
  // CHECK-NOT: plan.first_slice
  deepseek.weight @unused : tensor<8x8xbf16> from "unused" at [0, 512]
  // CHECK: deepseek.weight @table {{.*}} {plan.first_slice = 2 : i64}
  deepseek.weight @table : tensor<8x8xbf16> from "t" at [0, 256]

  // A function without a form is not the model's.
  // CHECK-LABEL: func.func @other(
  // CHECK: deepseek.swiglu
  func.func @other(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %y = deepseek.swiglu %x, %x : tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }

  // A layer takes the call, its input and output, its index in the model, and its place among its weights' layers.
  // CHECK-LABEL: func.func private @layer(
  // CHECK-SAME: %[[CALL:.*]]: !plan.call, %[[IN:.*]]: memref<?x8xf32>, %[[OUT:.*]]: memref<?x8xf32>, %[[LAYER:.*]]: index, %[[INSTANCE:.*]]: index)
  func.func private @layer(%x: tensor<?x8xf32> {deepseek.input = "activation"},
                           %p: tensor<?xi32> {deepseek.input = "positions"},
                           %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"},
                           %l: index {deepseek.input = "layer"})
      -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "expanded"} {
    // CHECK: %[[ROWS:.*]] = plan.rows rows of %[[CALL]]
    // CHECK: %[[W:.*]] = plan.weight of %[[CALL]] @w[%[[INSTANCE]]] slices 0, 1 : memref<8x8xbf16>
    // CHECK: %[[Y:.*]] = plan.buffer of %[[CALL]] bytes 128 sizes(%[[ROWS]]) : memref<?x8xf32>
    // CHECK: plan.dispatch @[[$GEMM:[^ ]*]] of %[[CALL]] rows %[[ROWS]] layer %[[LAYER]] ins(%[[IN]], %[[W]] : {{.*}}) outs(%[[Y]] : {{.*}}) extras(%[[IN]] : {{.*}})
    %w = deepseek.get_weight @w[%l] : tensor<8x8xbf16>
    %y = deepseek.linear %x, %w epilogue(%x) {
    ^bb0(%s: f32, %e: f32):
      %0 = arith.addf %s, %e : f32
      deepseek.yield %0 : f32
    } {deepseek.kernel = "avx2_bf16_gemm_rows"}
        : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
    // No kernel: the op moves into a function of its own, which writes the layer's output.
    // CHECK: plan.dispatch @[[GENERATED:generated_[0-9]+]] of %[[CALL]] rows %[[ROWS]] layer %[[LAYER]] ins(%[[Y]], %[[IN]] : {{.*}}) outs(%[[OUT]] : {{.*}})
    // CHECK-NEXT: return
    %z = deepseek.swiglu %y, %x : tensor<?x8xf32>
    return %z, %c : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }

  // CHECK-LABEL: func.func @prefill(
  // CHECK-SAME: %[[CALL:.*]]: !plan.call) attributes {deepseek.form = "expanded", plan.max_rows = 4 : i64}
  func.func @prefill(%tokens: tensor<?xi32> {deepseek.input = "tokens"},
                     %p: tensor<?xi32> {deepseek.input = "positions"},
                     %r: tensor<?xi32> {deepseek.input = "logit_row_ids"},
                     %c: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"})
      -> (tensor<?x8xf32> {deepseek.output = "logits"}, !deepseek.cache<latent: 16 x f32>) attributes {deepseek.form = "expanded", deepseek.max_rows = 4 : i64} {
    // CHECK-DAG: %[[ROWS:.*]] = plan.rows rows of %[[CALL]]
    // CHECK-DAG: %[[LOGIT_ROWS:.*]] = plan.rows logit_rows of %[[CALL]]
    // CHECK-DAG: %[[TOKENS:.*]] = plan.argument "tokens" of %[[CALL]]
    // CHECK-DAG: %[[IDS:.*]] = plan.argument "logit_row_ids" of %[[CALL]]
    // CHECK-DAG: %[[LOGITS:.*]] = plan.argument "logits" of %[[CALL]]
    %t = deepseek.get_weight @table : tensor<8x8xbf16>
    // CHECK: %[[X:.*]] = plan.buffer of %[[CALL]] bytes 128 sizes(%[[ROWS]]) : memref<?x8xf32>
    // CHECK: plan.dispatch @{{.*}} of %[[CALL]] rows %[[ROWS]] layer %{{.*}} ins(%[[TOKENS]], %{{.*}} : {{.*}}) outs(%[[X]] : {{.*}})
    %x = deepseek.embedding %tokens, %t {deepseek.kernel = "x86_bf16_embedding"}
        : (tensor<?xi32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    // Layer 2 of the model is the second that @w has.
    // CHECK-DAG: %[[Y:.*]] = plan.buffer
    // CHECK-DAG: %[[L2:.*]] = arith.constant 2 : index
    // CHECK-DAG: %[[I1:.*]] = arith.constant 1 : index
    // CHECK: call @layer(%[[CALL]], %[[X]], %[[Y]], %[[L2]], %[[I1]])
    %l = arith.constant 2 : index
    %y:2 = call @layer(%x, %p, %c, %l)
        : (tensor<?x8xf32>, tensor<?xi32>, !deepseek.cache<latent: 16 x f32>, index) -> (tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>)
    // CHECK: plan.record_state of %[[CALL]] %[[Y]] layer 2
    deepseek.record_state %y#0 layer 2 : tensor<?x8xf32>
    // CHECK: plan.dispatch @{{.*}} of %[[CALL]] rows %[[LOGIT_ROWS]] layer %{{.*}} ins(%[[Y]], %[[IDS]] : {{.*}}) outs(%[[LOGITS]] : {{.*}})
    %s = deepseek.select_rows %y#0, %r {deepseek.kernel = "x86_f32_select_rows"}
        : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
    return %s, %y#1 : tensor<?x8xf32>, !deepseek.cache<latent: 16 x f32>
  }

  // CHECK: plan.kernel @[[$GEMM]] = "avx2_bf16_gemm_rows" operands 3 constants [8, 8,
  // CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %[[E:.*]]: f32):
  // CHECK-NEXT: %[[V:.*]] = arith.addf %[[S]], %[[E]] : f32
  // CHECK-NEXT: plan.yield %[[V]]

  // An item is a row.
  // CHECK-LABEL: func.func private @generated_
  // CHECK-SAME: (%[[TASK:.*]]: !plan.task, %[[ITEM:.*]]: index, %{{.*}}: !plan.scratch) {
  // CHECK: %[[X:.*]] = plan.operand 0 of %[[TASK]] at %[[ITEM]] factor 1 : memref<1x8xf32>
  // CHECK: bufferization.to_tensor %[[X]] restrict : memref<1x8xf32> to tensor<1x8xf32>
  // CHECK: %[[G:.*]] = deepseek.swiglu %{{.*}} : tensor<1x8xf32>
  // CHECK: %[[Z:.*]] = plan.operand 2 of %[[TASK]] at %[[ITEM]] factor 1 : memref<1x8xf32>
  // CHECK: bufferization.materialize_in_destination %[[G]] in restrict writable %[[Z]]
}
