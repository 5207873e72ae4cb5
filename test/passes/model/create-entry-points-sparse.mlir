// Where rows attend to fewer positions than a context has, prefill is for the positions before, and a third entry point
// for the others.
// RUN: fathom-opt %S/../Inputs/tiny-sparse.mlir --fathom-create-entry-points="prefill-rows=7 decode-rows=3" | FileCheck %s
// RUN: fathom-opt %S/../Inputs/tiny-sparse.mlir --fathom-create-entry-points --verify-numerics-each -o /dev/null 2>&1 | count 0
// RUN: sed 's/max_context = 16/max_context = 4/' %S/../Inputs/tiny-sparse.mlir | fathom-opt --fathom-create-entry-points | FileCheck %s --check-prefix=SHORT

// CHECK-LABEL: func.func private @prefill.dense
// CHECK-SAME: attributes {deepseek.form = "expanded", deepseek.max_positions = 4 : i64}
// CHECK-LABEL: func.func @prefill(
// CHECK-SAME: attributes {deepseek.form = "expanded", deepseek.max_positions = 4 : i64, deepseek.max_rows = 7 : i64}
// CHECK-LABEL: func.func @prefill_headless(
// CHECK-SAME: attributes {deepseek.form = "expanded", deepseek.max_positions = 4 : i64, deepseek.max_rows = 7 : i64}
// CHECK-LABEL: func.func private @prefill_sparse.dense
// CHECK-SAME: attributes {deepseek.form = "absorbed"}
// CHECK-LABEL: func.func @prefill_sparse(
// CHECK-SAME: attributes {deepseek.form = "absorbed", deepseek.max_rows = 7 : i64}
// CHECK: call @prefill_sparse.dense
// CHECK-LABEL: func.func @prefill_sparse_headless(
// CHECK-LABEL: func.func private @decode.dense
// CHECK-SAME: attributes {deepseek.form = "absorbed"}
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: attributes {deepseek.form = "absorbed", deepseek.max_rows = 3 : i64}

// A context of no more has two, for all of it.
// SHORT-NOT: deepseek.max_positions
// SHORT-NOT: @prefill_sparse
