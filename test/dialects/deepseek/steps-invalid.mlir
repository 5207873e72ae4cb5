// Each constraint of the steps of recipes, broken once.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.weight @v : tensor<4x9xbf16> from "v" at [0, 0]
deepseek.recipe @r : tensor<8x8xbf16> {
  %w = deepseek.source @w : tensor<4x8xbf16>
  %v = deepseek.source @v : tensor<4x9xbf16>
  // expected-error @+1 {{'deepseek.concat_rows' op expects sources that differ only in rows, but got 'tensor<4x9xbf16>' for 'tensor<8x8xbf16>'}}
  %c = deepseek.concat_rows %w, %v : (tensor<4x8xbf16>, tensor<4x9xbf16>) -> tensor<8x8xbf16>
  deepseek.yield %c : tensor<8x8xbf16>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<2x7xbf16> {
  %w = deepseek.source @w : tensor<4x8xbf16>
  // expected-error @+1 {{'deepseek.slice_rows' op expects rows of 'tensor<4x8xbf16>', but got 'tensor<2x7xbf16>'}}
  %r = deepseek.slice_rows %w begin 0 step 2 : tensor<4x8xbf16> -> tensor<2x7xbf16>
  deepseek.yield %r : tensor<2x7xbf16>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<2x8xbf16> {
  %w = deepseek.source @w : tensor<4x8xbf16>
  // expected-error @+1 {{'deepseek.slice_rows' op takes 2 rows from 2, 2 apart, of 4}}
  %r = deepseek.slice_rows %w begin 2 step 2 : tensor<4x8xbf16> -> tensor<2x8xbf16>
  deepseek.yield %r : tensor<2x8xbf16>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<9x8xbf16> {
  %w = deepseek.source @w : tensor<4x8xbf16>
  // expected-error @+1 {{'deepseek.concat_rows' op expects a result of 8 rows, but got 'tensor<9x8xbf16>'}}
  %c = deepseek.concat_rows %w, %w : (tensor<4x8xbf16>, tensor<4x8xbf16>) -> tensor<9x8xbf16>
  deepseek.yield %c : tensor<9x8xbf16>
}

// -----

deepseek.weight @w : tensor<8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<8xbf16> {
  %w = deepseek.source @w : tensor<8xbf16>
  // expected-error @+1 {{'deepseek.convert_layout' op operand #0 must be matrix in rows of bf16, f16, f32, f8E4M3FN or i8, of static shape and 1 to 2^40 elements, but got 'tensor<8xbf16>'}}
  %r = deepseek.convert_layout %w : tensor<8xbf16> -> tensor<8xbf16>
  deepseek.yield %r : tensor<8xbf16>
}

// -----

deepseek.weight @w : tensor<8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<15xbf16> {
  %w = deepseek.source @w : tensor<8xbf16>
  // expected-error @+1 {{'deepseek.concat_rows' op expects a result of 16 rows, but got 'tensor<15xbf16>'}}
  %r = deepseek.concat_rows %w, %w : (tensor<8xbf16>, tensor<8xbf16>) -> tensor<15xbf16>
  deepseek.yield %r : tensor<15xbf16>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<9x8xbf16> {
  %w = deepseek.source @w : tensor<4x8xbf16>
  // expected-error @+1 {{'deepseek.expand_scale' op expects a scale 'tensor<5x8xbf16>', but got 'tensor<4x8xbf16>'}}
  %r = deepseek.expand_scale %w rows 2 : tensor<4x8xbf16> -> tensor<9x8xbf16>
  deepseek.yield %r : tensor<9x8xbf16>
}

// -----

deepseek.weight @w : tensor<1x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<9x8xbf16> {
  %w = deepseek.source @w : tensor<1x8xbf16>
  // expected-error @+1 {{'deepseek.expand_scale' op expects f32 scales, but got 'tensor<9x8xbf16>'}}
  %r = deepseek.expand_scale %w rows 128 : tensor<1x8xbf16> -> tensor<9x8xbf16>
  deepseek.yield %r : tensor<9x8xbf16>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<8x4xf32> {
  %w = deepseek.source @w : tensor<4x8xbf16>
  // expected-error @+1 {{'deepseek.to_f32' op expects a result 'tensor<4x8xf32>', but got 'tensor<8x4xf32>'}}
  %r = deepseek.to_f32 %w : tensor<4x8xbf16> -> tensor<8x4xf32>
  deepseek.yield %r : tensor<8x4xf32>
}

// -----

deepseek.weight @w : tensor<4x8xf32> from "w" at [0, 0]
deepseek.recipe @r : tensor<4x8xf16> {
  %w = deepseek.source @w : tensor<4x8xf32>
  // expected-error @+1 {{'deepseek.to_bf16' op expects a result 'tensor<4x8xbf16>', but got 'tensor<4x8xf16>'}}
  %r = deepseek.to_bf16 %w : tensor<4x8xf32> -> tensor<4x8xf16>
  deepseek.yield %r : tensor<4x8xf16>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<4x8xbf16> {
  %w = deepseek.source @w : tensor<4x8xbf16>
  // expected-error @+1 {{'deepseek.convert_layout' op expects a result 'tensor<4x8xbf16>' in a layout, but got 'tensor<4x8xbf16>'}}
  %r = deepseek.convert_layout %w : tensor<4x8xbf16> -> tensor<4x8xbf16>
  deepseek.yield %r : tensor<4x8xbf16>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<4x9xbf16, #deepseek.layout<panels = 32>> {
  %w = deepseek.source @w : tensor<4x8xbf16>
  // expected-error @+1 {{'deepseek.convert_layout' op expects a result 'tensor<4x8xbf16>' in a layout, but got 'tensor<4x9xbf16, #deepseek.layout<panels = 32>>'}}
  %r = deepseek.convert_layout %w : tensor<4x8xbf16> -> tensor<4x9xbf16, #deepseek.layout<panels = 32>>
  deepseek.yield %r : tensor<4x9xbf16, #deepseek.layout<panels = 32>>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<4x8xbf16> {
  %w = deepseek.source @w : tensor<4x8xbf16>
  // expected-error @+1 {{'deepseek.transpose' op expects a result 'tensor<8x4xbf16>', but got 'tensor<4x8xbf16>'}}
  %r = deepseek.transpose %w : tensor<4x8xbf16> -> tensor<4x8xbf16>
  deepseek.yield %r : tensor<4x8xbf16>
}
