// @draft_forward becomes an entry point of the absorbed form, with the rows of prefill and layers of its own; all entry
// points give the states that it drafts from, with the head and without.
// RUN: fathom-opt %S/../Inputs/tiny-draft.mlir --fathom-create-entry-points="prefill-rows=7 decode-rows=3" | FileCheck %s
// RUN: fathom-opt %S/../Inputs/tiny-draft.mlir --fathom-create-entry-points="prefill-rows=2 decode-rows=1" | FileCheck %s --check-prefix=LEAST
// RUN: fathom-opt %S/../Inputs/tiny-draft.mlir --fathom-model-pipeline --fathom-fuse-pipeline --verify-numerics-each -o /dev/null 2>&1 | count 0

// CHECK-NOT: @draft_forward
// CHECK-NOT: @prefill.mtp
// CHECK-LABEL: func.func @prefill_headless(
// CHECK-SAME: -> (tensor<?x8xf32> {deepseek.output = "hidden_out"}, !deepseek.cache<latent: 16 x f32>)
// CHECK-LABEL: func.func @decode_headless(
// CHECK: %[[N:.*]] = deepseek.rms_norm
// CHECK: return %[[N]], %{{.*}}

// CHECK-NOT: @draft.dense
// CHECK-LABEL: func.func private @draft.mtp(
// CHECK-SAME: attributes {deepseek.form = "absorbed"}
// CHECK-LABEL: func.func @draft(
// CHECK-SAME: %[[HIDDEN:[^:]*]]: tensor<?x8xf32> {deepseek.input = "hidden"}
// CHECK-SAME: deepseek.form = "absorbed", deepseek.max_rows = 7 : i64
// CHECK: deepseek.rms_norm %[[HIDDEN]]
// CHECK: call @draft.mtp
// CHECK-LABEL: func.func @draft_headless(
// CHECK-SAME: {deepseek.input = "hidden"}
// CHECK-NOT: logit_row_ids
// CHECK: %[[LAYER:.*]]:2 = call @draft.mtp
// CHECK-NOT: deepseek.rms_norm
// CHECK: return %[[LAYER]]#0, %[[LAYER]]#1

// A session drafts the rows of a verification at once, however few a prefill takes.
// LEAST-LABEL: func.func @prefill(
// LEAST-SAME: deepseek.max_rows = 2 : i64
// LEAST-LABEL: func.func @draft(
// LEAST-SAME: deepseek.max_rows = 6 : i64
