// Copies of prefill and decode without the head: what computes logits and what they alone need is gone, the rest is as it was.
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-create-entry-points | FileCheck %s
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-create-entry-points --verify-numerics-each -o /dev/null 2>&1 | count 0

// CHECK-LABEL: func.func @prefill(
// CHECK: deepseek.select_rows
// CHECK: deepseek.linear
// CHECK-LABEL: func.func @prefill_headless(
// CHECK-SAME: %{{[^:]*}}: tensor<?xi32> {deepseek.input = "tokens"}, %{{[^:]*}}: tensor<?xi32> {deepseek.input = "positions"}, %{{[^:]*}}: !deepseek.cache<latent: 16 x f32> {deepseek.input = "cache"}) -> !deepseek.cache<latent: 16 x f32>
// CHECK-SAME: deepseek.form = "expanded", deepseek.max_rows = 512 : i64
// CHECK-NOT: @lm_head
// CHECK: call @prefill.dense
// CHECK: call @prefill.moe
// CHECK: deepseek.rms_norm
// CHECK: deepseek.record_state %{{.*}} layer 1
// CHECK-NOT: deepseek.select_rows
// CHECK-NOT: deepseek.linear
// CHECK-LABEL: func.func private @decode.dense
// CHECK-LABEL: func.func @decode_headless(
// CHECK-SAME: deepseek.form = "absorbed", deepseek.max_rows = 16 : i64
// CHECK: call @decode.dense
// CHECK-NOT: deepseek.linear
