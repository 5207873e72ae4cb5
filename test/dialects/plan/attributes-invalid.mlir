// Attributes of the plan that verification refuses, wherever they stand.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{expects an i64 of 0 or more as 'plan.max_rows', but got "4"}}
module attributes {plan.max_rows = "4"} {}

// -----

// expected-error @+1 {{expects an i64 of 0 or more as 'plan.max_positions', but got -1 : i64}}
module attributes {plan.max_positions = -1 : i64} {}

// -----

// expected-error @+1 {{expects an i64 of 0 or more as 'plan.arena_bytes', but got -1 : i64}}
module attributes {plan.arena_bytes = -1 : i64} {}

// -----

// expected-error @+1 {{expects an i64 of 0 or more as 'plan.first_slice', but got 0 : i32}}
module attributes {plan.first_slice = 0 : i32} {}

// -----

// expected-error @+1 {{expects an i64 of 0 or more as 'plan.scratch_bytes', but got 5.000000e-01 : f64}}
module attributes {plan.scratch_bytes = 0.5} {}

// -----

// expected-error @+1 {{expects contiguous static elements, but got 'memref<?x8xf32>'}}
func.func @table(%t: !plan.table<memref<?x8xf32>>) {
  return
}

// -----

// expected-error @+1 {{expects an array of at most 64 #plan.store as 'plan.stores', but got unit}}
module attributes {plan.stores} {}

// -----

// store C1
// expected-error @+1 {{expects 1 to 16777216 layers, heads and numbers at an offset of 0 or more, but got 0 layers of 1 x 8 numbers at 0}}
module attributes {plan.stores = [#plan.store<"latent", layers = 0, width = 8, offset = 0>]} {}

// -----

// store C1
// expected-error @+1 {{expects 1 to 16777216 layers, heads and numbers at an offset of 0 or more, but got 16777217 layers of 1 x 8 numbers at 0}}
module attributes {plan.stores = [#plan.store<"latent", layers = 16777217, width = 8, offset = 0>]} {}

// -----

// store C1
// expected-error @+1 {{but got 2 layers of 0 x 8 numbers at 0}}
module attributes {plan.stores = [#plan.store<"key", layers = 2, heads = 0, width = 8, offset = 0>]} {}

// -----

// store C2
// expected-error @+1 {{expects f32, bf16 or f8E4M3FN numbers, but got 'f64'}}
module attributes {plan.stores = [#plan.store<"key", layers = 2, width = 8, element = f64, offset = 0>]} {}

// -----

// store C2
// expected-error @+1 {{expects a tail of bf16 only behind f8E4M3FN numbers, but got 4 x 'bf16' + 4 x bf16}}
module attributes {plan.stores = [#plan.store<"key", layers = 2, width = 8, element = bf16, tail = 4, offset = 0>]} {}

// -----

// store C2
// expected-error @+1 {{but got 0 x 'f8E4M3FN' + 8 x bf16}}
module attributes {plan.stores = [#plan.store<"key", layers = 2, width = 8, element = f8E4M3FN, tail = 8, offset = 0>]} {}
