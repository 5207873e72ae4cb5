// Rows of integers that ops of the basic family refuse.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @quantize_rows_shape(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'deepseek.quantize_rows' op failed to verify that all of {input, result} have same shape}}
  %y = deepseek.quantize_rows %x : tensor<?x8xf32> -> tensor<?x4xi8>
  return
}

// -----

func.func @linear_c6(%x: tensor<?x8xi8>, %w: tensor<4x8xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects a weight of i8 in blocks of 1 x 32 for an input of i8, but got 'tensor<4x8xbf16>'}}
  %y = deepseek.linear %x, %w : (tensor<?x8xi8>, tensor<4x8xbf16>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c6_block(%x: tensor<?x8xi8>, %w: tensor<4x8xi8>, %s: tensor<4x1xf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects a weight of i8 in blocks of 1 x 32 for an input of i8, but got 'tensor<4x8xi8>'}}
  %y = deepseek.linear %x, %w scale %s <1 x 128> : (tensor<?x8xi8>, tensor<4x8xi8>, tensor<4x1xf16>) -> tensor<?x4xf32>
  return
}
