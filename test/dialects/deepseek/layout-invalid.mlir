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
