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

// -----

// expected-remark @+1 {{numerics of @short_table are not verified: cannot evaluate deepseek.rope: expected a position in the rope table for each row}}
func.func @short_table(%x: tensor<?x4xf32>, %p: tensor<?xi32>) -> tensor<?x4xf32> {
  %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<4x2x2xf32>
  %y = deepseek.rope interleaved %x, %t at %p : tensor<?x4xf32>, tensor<4x2x2xf32>, tensor<?xi32>
  return %y : tensor<?x4xf32>
}

// -----

// expected-remark @+1 {{numerics of @slice_beyond are not verified: cannot evaluate tensor.extract_slice: expected a slice inside its tensor}}
func.func @slice_beyond(%x: tensor<?x8xf32>) -> tensor<1x8xf32> {
  %y = tensor.extract_slice %x[100, 0] [1, 8] [1, 1] : tensor<?x8xf32> to tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// -----

// expected-remark @+1 {{numerics of @no_such_dimension are not verified: cannot evaluate tensor.dim: expected a dimension of its tensor}}
func.func @no_such_dimension(%x: tensor<?x8xf32>) -> index {
  %five = arith.constant 5 : index
  %n = tensor.dim %x, %five : tensor<?x8xf32>
  return %n : index
}

// -----

// expected-remark @+1 {{numerics of @unequal_rows are not verified: cannot evaluate arith.addf: expected f32 operands of one shape}}
func.func @unequal_rows(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %one = arith.constant 1 : index
  %first = tensor.extract_slice %x[0, 0] [%one, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
  %y = arith.addf %x, %first : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// expected-remark @+1 {{numerics of @unequal_positions are not verified: cannot evaluate deepseek.cache_append: expected a row per position}}
func.func @unequal_positions(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<latent: 8 x f32>, %l: index)
    -> !deepseek.cache<latent: 8 x f32> {
  %one = arith.constant 1 : index
  %first = tensor.extract_slice %x[0, 0] [%one, 8] [1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
  %d = deepseek.cache_append %c["latent"][%l], %first at %p
      : !deepseek.cache<latent: 8 x f32>, tensor<?x8xf32> at tensor<?xi32>
  return %d : !deepseek.cache<latent: 8 x f32>
}

// -----

func.func private @elsewhere(tensor<?x8xf32>) -> tensor<?x8xf32>
// expected-remark @+1 {{numerics of @calls_elsewhere are not verified: cannot evaluate func.call: expected a function of this module}}
func.func @calls_elsewhere(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = call @elsewhere(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
