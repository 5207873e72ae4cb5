// Each constraint of weights of few bits, of what they stand for and how they are made, broken once.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

deepseek.recipe @r : tensor<4x8xf16> {
  %n = deepseek.constant dense<1.0> : tensor<4x8xf32>
  %s = deepseek.constant dense<1.0> : tensor<4x2xf32>
  %z = deepseek.constant dense<1.0> : tensor<4x2xf32>
  // expected-error @+1 {{'deepseek.dequantize' op expects a result of f32 or bf16, but got 'tensor<4x8xf16>'}}
  %r = deepseek.dequantize %n scales %s zeros %z block <1 x 4> : (tensor<4x8xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x8xf16>
  deepseek.yield %r : tensor<4x8xf16>
}

// -----

deepseek.recipe @r : tensor<4x8xf32> {
  %n = deepseek.constant dense<1.0> : tensor<4x7xf32>
  %s = deepseek.constant dense<1.0> : tensor<4x2xf32>
  %z = deepseek.constant dense<1.0> : tensor<4x2xf32>
  // expected-error @+1 {{'deepseek.dequantize' op expects numbers 'tensor<4x8xf32>' or longer rows, but got 'tensor<4x7xf32>'}}
  %r = deepseek.dequantize %n scales %s zeros %z block <1 x 4> : (tensor<4x7xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x8xf32>
  deepseek.yield %r : tensor<4x8xf32>
}

// -----

deepseek.recipe @r : tensor<4x8xf32> {
  %n = deepseek.constant dense<1.0> : tensor<4x8xbf16>
  %s = deepseek.constant dense<1.0> : tensor<4x2xf32>
  %z = deepseek.constant dense<1.0> : tensor<4x2xf32>
  // expected-error @+1 {{'deepseek.dequantize' op expects numbers 'tensor<4x8xf32>' or longer rows, but got 'tensor<4x8xbf16>'}}
  %r = deepseek.dequantize %n scales %s zeros %z block <1 x 4> : (tensor<4x8xbf16>, tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x8xf32>
  deepseek.yield %r : tensor<4x8xf32>
}

// -----

deepseek.recipe @r : tensor<4x8xf32> {
  %n = deepseek.constant dense<1.0> : tensor<4x8xf32>
  %s = deepseek.constant dense<1.0> : tensor<4x3xf32>
  %z = deepseek.constant dense<1.0> : tensor<4x2xf32>
  // expected-error @+1 {{'deepseek.dequantize' op expects scales 'tensor<4x2xf32>', but got 'tensor<4x3xf32>'}}
  %r = deepseek.dequantize %n scales %s zeros %z block <1 x 4> : (tensor<4x8xf32>, tensor<4x3xf32>, tensor<4x2xf32>) -> tensor<4x8xf32>
  deepseek.yield %r : tensor<4x8xf32>
}

// -----

deepseek.recipe @r : tensor<4x8xf32> {
  %n = deepseek.constant dense<1.0> : tensor<4x8xf32>
  %s = deepseek.constant dense<1.0> : tensor<4x2xf32>
  %z = deepseek.constant dense<1.0> : tensor<4x1xf32>
  // expected-error @+1 {{'deepseek.dequantize' op expects zeros 'tensor<4x2xf32>' or longer rows, and no other zero, but got 'tensor<4x1xf32>'}}
  %r = deepseek.dequantize %n scales %s zeros %z block <1 x 4> : (tensor<4x8xf32>, tensor<4x2xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  deepseek.yield %r : tensor<4x8xf32>
}

// -----

deepseek.recipe @r : tensor<4x8xf32> {
  %n = deepseek.constant dense<1.0> : tensor<4x8xf32>
  %s = deepseek.constant dense<1.0> : tensor<4x2xf32>
  %z = deepseek.constant dense<1.0> : tensor<4x2xf32>
  // expected-error @+1 {{'deepseek.dequantize' op expects zeros 'tensor<4x2xf32>' or longer rows, and no other zero, but got 'tensor<4x2xf32>'}}
  %r = deepseek.dequantize %n scales %s zeros %z zero 1.0 block <1 x 4> : (tensor<4x8xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x8xf32>
  deepseek.yield %r : tensor<4x8xf32>
}

// -----

// expected-error @+1 {{'deepseek.weight' op expects rows of whole bytes, but got 'tensor<4x9xui4>'}}
deepseek.weight @w : tensor<4x9xui4> from "w" at [0, 0]

// -----

// expected-error @+1 {{'deepseek.weight' op expects rows of whole bytes, but got 'tensor<8xi4>'}}
deepseek.weight @w : tensor<8xi4> from "w" at [0, 0]

// -----

// No kernel reads such numbers: recipes make others of them.
deepseek.weight @w : tensor<4x8xui8> from "w" at [0, 0]
func.func @f() {
  // expected-error @+1 {{'deepseek.get_weight' op result #0 must be weight in rows or a known layout of bf16, f16, f32, f8E4M3FN or i8}}
  %w = deepseek.get_weight @w : tensor<4x8xui8>
  return
}

// -----

deepseek.recipe @r : tensor<4x8xi8> {
  %w = deepseek.constant dense<1> : tensor<4x8xi8>
  // expected-error @+1 {{'deepseek.quantize' op expects floats, but got 'tensor<4x8xi8>'}}
  %r = deepseek.quantize %w group 4 : tensor<4x8xi8> -> tensor<4x8xi8>
  deepseek.yield %r : tensor<4x8xi8>
}

// -----

deepseek.recipe @r : tensor<4x8xf16> {
  %w = deepseek.constant dense<1.0> : tensor<4x8xf32>
  // expected-error @+1 {{'deepseek.quantize' op expects a result 'tensor<4x8xi8>', but got 'tensor<4x8xf16>'}}
  %r = deepseek.quantize %w group 4 : tensor<4x8xf32> -> tensor<4x8xf16>
  deepseek.yield %r : tensor<4x8xf16>
}

// -----

deepseek.recipe @r : tensor<4x2xf16> {
  %w = deepseek.constant dense<1> : tensor<4x8xi8>
  // expected-error @+1 {{'deepseek.quantize_scales' op expects floats, but got 'tensor<4x8xi8>'}}
  %r = deepseek.quantize_scales %w group 4 : tensor<4x8xi8> -> tensor<4x2xf16>
  deepseek.yield %r : tensor<4x2xf16>
}

// -----

deepseek.recipe @r : tensor<4x3xf16> {
  %w = deepseek.constant dense<1.0> : tensor<4x8xf32>
  // expected-error @+1 {{'deepseek.quantize_scales' op expects a result 'tensor<4x2xf16>', but got 'tensor<4x3xf16>'}}
  %r = deepseek.quantize_scales %w group 4 : tensor<4x8xf32> -> tensor<4x3xf16>
  deepseek.yield %r : tensor<4x3xf16>
}
