// Each constraint of weights, recipes and their steps, broken once.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{'deepseek.weight' op expects 4 numbers in locations, a shard and an offset for each tensor, but got 2}}
deepseek.weight @w : tensor<4x8xbf16> layers [1, 2] from "w" at [0, 0]

// -----

// expected-error @+1 {{'deepseek.weight' op expects 6 numbers in locations, a shard and an offset for each tensor, but got 2}}
deepseek.weight @w : tensor<3x8xbf16> experts from "w" at [0, 0]

// -----

// expected-error @+1 {{'deepseek.weight' op expects a dimension of experts before one or two of the weight's own, but got 'tensor<2xbf16>'}}
deepseek.weight @w : tensor<2xbf16> experts from "w" at [0, 0, 0, 0]

// -----

// expected-error @+1 {{'deepseek.weight' op expects scales of f32, but got 'tensor<1x2xbf16>'}}
deepseek.weight @w : tensor<1x2xbf16> scale from "w" at [0, 0]

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
// expected-error @+1 {{'deepseek.recipe' op expects its region to take no arguments and to yield 'tensor<5x8xbf16>'}}
deepseek.recipe @r : tensor<5x8xbf16> {
  %w = deepseek.source @w : tensor<4x8xbf16>
  deepseek.yield %w : tensor<4x8xbf16>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<4x8xbf16> {
  // expected-error @+1 {{block with no terminator}}
  %w = deepseek.source @w : tensor<4x8xbf16>
}

// -----

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
  // expected-error @+1 {{'deepseek.convert_layout' op operand #0 must be matrix in rows of bf16, f16, f32 or f8E4M3FN, of static shape and 1 to 2^40 elements, but got 'tensor<8xbf16>'}}
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

func.func @table() {
  // expected-error @+1 {{'deepseek.rope_table' op expects a table [positions, 2, 2], but got 'tensor<16x4xf32>'}}
  %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<16x4xf32>
  return
}

// -----

func.func @get_unknown() {
  // expected-error @+1 {{'deepseek.get_weight' op expects a weight or recipe, but got unknown symbol @w}}
  %w = deepseek.get_weight @w : tensor<4x8xbf16>
  return
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
func.func @get_type() {
  // expected-error @+1 {{'deepseek.get_weight' op expects the type of @w, 'tensor<4x8xbf16>', but got 'tensor<4x9xbf16>'}}
  %w = deepseek.get_weight @w : tensor<4x9xbf16>
  return
}

// -----

deepseek.weight @w : tensor<4x8xbf16> layers [3] from "w" at [0, 0]
func.func @get_layer_missing() {
  // expected-error @+1 {{'deepseek.get_weight' op expects a layer if and only if the weight has layers: @w}}
  %w = deepseek.get_weight @w : tensor<4x8xbf16>
  return
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
func.func @get_layer_unexpected(%l: index) {
  // expected-error @+1 {{'deepseek.get_weight' op expects a layer if and only if the weight has layers: @w}}
  %w = deepseek.get_weight @w[%l] : tensor<4x8xbf16>
  return
}

// -----

// expected-error @+1 {{'deepseek.weight' op expects no negative number in locations, but got -1}}
deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, -1]

// -----

// expected-error @+1 {{'deepseek.weight' op expects one or two dimensions, but got 'tensor<2x4x8xbf16>'}}
deepseek.weight @w : tensor<2x4x8xbf16> from "w" at [0, 0]

// -----

// expected-error @+1 {{'deepseek.weight' op expects ascending layers, but got [1, 1]}}
deepseek.weight @w : tensor<4x8xbf16> layers [1, 1] from "w" at [0, 0, 0, 0]

// -----

// expected-error @+1 {{'deepseek.weight' op expects ascending layers, but got []}}
deepseek.weight @w : tensor<4x8xbf16> layers [] from "w" at []

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
// expected-error @+1 {{'deepseek.recipe' op expects its region to take no arguments and to yield 'tensor<4x8xbf16>'}}
deepseek.recipe @r : tensor<4x8xbf16> {
^bb0(%w: tensor<4x8xbf16>):
  deepseek.yield %w : tensor<4x8xbf16>
}

// -----

deepseek.weight @w : tensor<8x8xbf16> from "w" at [0, 0]
// expected-error @+1 {{'deepseek.recipe' op expects ascending layers, but got [-1]}}
deepseek.recipe @r : tensor<8x8xbf16> layers [-1] {
  %w = deepseek.source @w : tensor<8x8xbf16>
  deepseek.yield %w : tensor<8x8xbf16>
}

// -----

deepseek.weight @w : tensor<8xbf16> from "w" at [0, 0]
// expected-error @+1 {{'deepseek.recipe' op expects a dimension of experts before the weight's own, but got 'tensor<8xbf16>'}}
deepseek.recipe @r : tensor<8xbf16> experts {
  %w = deepseek.source @w : tensor<8xbf16>
  deepseek.yield %w : tensor<8xbf16>
}

// -----

deepseek.recipe @r : tensor<4x8xbf16> {
  // expected-error @+1 {{'deepseek.source' op expects @w to be a weight of type 'tensor<4x8xbf16>'}}
  %w = deepseek.source @w : tensor<4x8xbf16>
  deepseek.yield %w : tensor<4x8xbf16>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<5x8xbf16> {
  // expected-error @+1 {{'deepseek.source' op expects @w to be a weight of type 'tensor<5x8xbf16>'}}
  %w = deepseek.source @w : tensor<5x8xbf16>
  deepseek.yield %w : tensor<5x8xbf16>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> layers [1, 2] from "w" at [0, 0, 0, 0]
deepseek.recipe @r : tensor<4x8xbf16> layers [1, 2, 3] {
  // expected-error @+1 {{'deepseek.source' op expects @w to have the layers and experts of the recipe}}
  %w = deepseek.source @w : tensor<4x8xbf16>
  deepseek.yield %w : tensor<4x8xbf16>
}

// -----

deepseek.weight @w : tensor<4x8xbf16> from "w" at [0, 0]
deepseek.recipe @r : tensor<4x8xbf16> experts {
  // expected-error @+1 {{'deepseek.source' op expects @w to have the layers and experts of the recipe}}
  %w = deepseek.source @w : tensor<4x8xbf16>
  deepseek.yield %w : tensor<4x8xbf16>
}

// -----

deepseek.weight @w : tensor<2x8xbf16> experts from "w" at [0, 0, 0, 16]
deepseek.recipe @r : tensor<4x8xbf16> experts {
  // expected-error @+1 {{'deepseek.source' op expects @w to have the layers and experts of the recipe}}
  %w = deepseek.source @w : tensor<2x8xbf16>
  %r = deepseek.concat_rows %w, %w : (tensor<2x8xbf16>, tensor<2x8xbf16>) -> tensor<4x8xbf16>
  deepseek.yield %r : tensor<4x8xbf16>
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

// -----

func.func @constant_outside_of_a_recipe() {
  // expected-error @+1 {{'deepseek.constant' op expects parent op 'deepseek.recipe'}}
  %c = deepseek.constant dense<1.0> : tensor<4xf32>
  return
}

// -----

func.func @table_type() {
  // expected-error @+1 {{'deepseek.rope_table' op expects an f32 table, but got 'tensor<16x2x2xbf16>'}}
  %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<16x2x2xbf16>
  return
}

// -----

// expected-error @+1 {{failed to satisfy constraint}}
deepseek.weight @w : tensor<1099511627776x2xbf16> from "w" at [0, 0]
