// What a layout is not: each constraint of `#deepseek.layout`, broken once.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{expects panels of 1 to 16777216 outputs, but got 0}}
func.func private @c1_panels(tensor<4x8xbf16, #deepseek.layout<panels = 0>>)

// -----

// expected-error @+1 {{expects panels of 1 to 16777216 outputs, but got 16777217}}
func.func private @c1_wide_panels(tensor<4x8xbf16, #deepseek.layout<panels = 16777217>>)

// -----

// expected-error @+1 {{expects blocks of at most 16777216 rows to interleave, but got -1}}
func.func private @c1_interleave(tensor<4x8xbf16, #deepseek.layout<panels = 32, interleave = -1>>)

// -----

// expected-error @+1 {{expects a matrix of static shape, or several, to have a layout}}
func.func private @c2_vector(tensor<8xbf16, #deepseek.layout<panels = 32>>)

// -----

// expected-error @+1 {{expects a matrix of static shape, or several, to have a layout}}
func.func private @c2_dynamic(tensor<?x8xbf16, #deepseek.layout<panels = 32>>)

// -----

// expected-error @+1 {{expects halves of rows to interleave, but got 5 rows}}
func.func private @c2_halves(tensor<5x8xbf16, #deepseek.layout<panels = 32, interleave = 32>>)

// -----

// A weight of the checkpoint is as it is there.
// expected-error @+1 {{'deepseek.weight' op attribute 'type' failed to satisfy constraint: type attribute of weight in rows of}}
deepseek.weight @w : tensor<4x8xbf16, #deepseek.layout<panels = 32>> from "w" at [0, 0]

// -----

deepseek.weight @w : tensor<8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<8xbf16> {
  %w = deepseek.source @w : tensor<8xbf16>
  // expected-error @+1 {{'deepseek.convert_layout' op operand #0 must be matrix in rows of bf16, f16, f32 or f8E4M3FN, of static shape and 1 to 2^40 elements, but got 'tensor<8xbf16>'}}
  %r = deepseek.convert_layout %w : tensor<8xbf16> -> tensor<8xbf16>
  deepseek.yield %r : tensor<8xbf16>
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
