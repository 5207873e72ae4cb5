// What a layout is not: each constraint of `#deepseek.layout`, broken once.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{expects panels of 32 outputs, but got 16}}
func.func private @c1_panels(tensor<4x8xbf16, #deepseek.layout<panels = 16>>)

// -----

// expected-error @+1 {{expects blocks of 32 rows to interleave, but got 8}}
func.func private @c1_interleave(tensor<4x8xbf16, #deepseek.layout<panels = 32, interleave = 8>>)

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
