// What cannot be evaluated is said once, by function and reason, and never ends in a crash.
// RUN: fathom-opt %s --verify-numerics-each --cse --split-input-file --verify-diagnostics

// expected-remark @+1 {{numerics of @unknown_op are not verified: cannot evaluate op 'tensor.empty'}}
func.func @unknown_op(%n: index) -> tensor<?xf32> {
  %e = tensor.empty(%n) : tensor<?xf32>
  return %e : tensor<?xf32>
}

// -----

// expected-remark @+1 {{numerics of @other_arguments are not verified: cannot evaluate its arguments}}
func.func @other_arguments(%m: memref<4xf32>) {
  return
}

// -----

// expected-remark @+1 {{numerics of @endless are not verified: cannot evaluate @endless: expected one block and calls that end}}
func.func @endless(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = call @endless(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// expected-remark @+1 {{numerics of @exponential are not verified: cannot evaluate @exponential: expected one block and calls that end}}
func.func @exponential(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = call @exponential(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %z = call @exponential(%y) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// -----

// expected-remark @+1 {{numerics of @large_argument are not verified: cannot evaluate its arguments}}
func.func @large_argument(%x: tensor<1073741824x1073741824xf32>) {
  return
}

// -----

deepseek.weight @w : tensor<1048576x1048576xbf16> from "w" at [0, 0]
// expected-remark @+1 {{numerics of @large_weight are not verified: cannot evaluate: weight @w makes the model too large to evaluate; use a smaller one}}
func.func @large_weight() -> tensor<1048576x1048576xbf16> {
  %w = deepseek.get_weight @w : tensor<1048576x1048576xbf16>
  return %w : tensor<1048576x1048576xbf16>
}

// -----

deepseek.weight @w : tensor<8xbf16> layers [1] from "w" at [0, 0]
// expected-remark @+1 {{numerics of @no_such_layer are not verified: cannot evaluate: weight @w has no layer 2}}
func.func @no_such_layer(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %l = arith.constant 2 : index
  %w = deepseek.get_weight @w[%l] : tensor<8xbf16>
  %n = deepseek.rms_norm %x, %w eps 0.25 : tensor<?x8xf32>, tensor<8xbf16>
  return %n : tensor<?x8xf32>
}

// -----

// expected-remark @+1 {{numerics of @halves are not verified: cannot evaluate deepseek.mla_absorb_query: expected the interleaved layout}}
func.func @halves(%q: tensor<?x20xf32>, %w: tensor<22x12xf32>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>)
    -> tensor<?x32xf32> {
  %a = deepseek.mla_absorb_query half_split %q, %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 6 : i64, rope_dim = 4 : i64, value_dim = 5 : i64}
      : (tensor<?x20xf32>, tensor<22x12xf32>, tensor<16x2x2xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  return %a : tensor<?x32xf32>
}

// -----

// There is nothing to differ in no rows.
func.func @no_rows(%x: tensor<0x8xf32>) -> tensor<0x8xf32> {
  %y = deepseek.swiglu %x, %x : tensor<0x8xf32>
  return %y : tensor<0x8xf32>
}
