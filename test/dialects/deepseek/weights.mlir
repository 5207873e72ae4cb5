// Weights and recipes print as they are read.
// RUN: fathom-opt %s --verify-roundtrip | FileCheck %s

// CHECK: deepseek.weight @model : tensor<40x8xbf16> from "model.weight" at [0, 128]
deepseek.weight @model : tensor<40x8xbf16> from "model.weight" at [0, 128]
// CHECK: deepseek.weight @layered : tensor<24x8xbf16> layers [1, 2] from "{layer}.weight" at [0, 0, 0, 384]
deepseek.weight @layered : tensor<24x8xbf16> layers [1, 2] from "{layer}.weight" at [0, 0, 0, 384]
// CHECK: deepseek.weight @expert : tensor<2x40x8xbf16> experts layers [1] from "{layer}.{expert}" at [0, 0, 1, 0]
deepseek.weight @expert : tensor<2x40x8xbf16> experts layers [1] from "{layer}.{expert}" at [0, 0, 1, 0]
deepseek.weight @codes : tensor<40x8xf8E4M3FN> from "codes" at [0, 0]
// CHECK: deepseek.weight @codes_scale : tensor<1x1xf32> scale from "codes_scale" at [0, 0]
deepseek.weight @codes_scale : tensor<1x1xf32> scale from "codes_scale" at [0, 0]
deepseek.weight @bias : tensor<6xbf16> from "bias" at [0, 0]

// CHECK-LABEL: deepseek.recipe @panels : tensor<2x80x8xbf16, #deepseek.layout<panels = 32>> experts layers [1] {
deepseek.recipe @panels : tensor<2x80x8xbf16, #deepseek.layout<panels = 32>> experts layers [1] {
  // CHECK-NEXT: %[[E:.*]] = deepseek.source @expert : tensor<2x40x8xbf16>
  %e = deepseek.source @expert : tensor<2x40x8xbf16>
  // CHECK-NEXT: %[[C:.*]] = deepseek.concat_rows %[[E]], %[[E]] : (tensor<2x40x8xbf16>, tensor<2x40x8xbf16>) -> tensor<2x80x8xbf16>
  %c = deepseek.concat_rows %e, %e : (tensor<2x40x8xbf16>, tensor<2x40x8xbf16>) -> tensor<2x80x8xbf16>
  // CHECK-NEXT: %[[P:.*]] = deepseek.convert_layout %[[C]] : tensor<2x80x8xbf16> -> tensor<2x80x8xbf16, #deepseek.layout<panels = 32>>
  %p = deepseek.convert_layout %c : tensor<2x80x8xbf16> -> tensor<2x80x8xbf16, #deepseek.layout<panels = 32>>
  // CHECK-NEXT: deepseek.yield %[[P]] : tensor<2x80x8xbf16, #deepseek.layout<panels = 32>>
  deepseek.yield %p : tensor<2x80x8xbf16, #deepseek.layout<panels = 32>>
}

// CHECK-LABEL: deepseek.recipe @interleaved
deepseek.recipe @interleaved : tensor<24x8xbf16, #deepseek.layout<panels = 32, interleave = 32>> layers [1, 2] {
  %w = deepseek.source @layered : tensor<24x8xbf16>
  // CHECK: deepseek.convert_layout %{{.*}} : tensor<24x8xbf16> -> tensor<24x8xbf16, #deepseek.layout<panels = 32, interleave = 32>>
  %b = deepseek.convert_layout %w : tensor<24x8xbf16> -> tensor<24x8xbf16, #deepseek.layout<panels = 32, interleave = 32>>
  deepseek.yield %b : tensor<24x8xbf16, #deepseek.layout<panels = 32, interleave = 32>>
}

// CHECK-LABEL: deepseek.recipe @sliced
deepseek.recipe @sliced : tensor<12x8xbf16> {
  %w = deepseek.source @model : tensor<40x8xbf16>
  // CHECK: deepseek.slice_rows %{{.*}} begin 1 step 2 : tensor<40x8xbf16> -> tensor<12x8xbf16>
  %s = deepseek.slice_rows %w begin 1 step 2 : tensor<40x8xbf16> -> tensor<12x8xbf16>
  deepseek.yield %s : tensor<12x8xbf16>
}

// CHECK-LABEL: deepseek.recipe @scales
deepseek.recipe @scales : tensor<40x1xf32> {
  %s = deepseek.source @codes_scale : tensor<1x1xf32>
  // CHECK: deepseek.expand_scale %{{.*}} rows 128 : tensor<1x1xf32> -> tensor<40x1xf32>
  %e = deepseek.expand_scale %s rows 128 : tensor<1x1xf32> -> tensor<40x1xf32>
  deepseek.yield %e : tensor<40x1xf32>
}

// CHECK-LABEL: deepseek.recipe @vectors
deepseek.recipe @vectors : tensor<12xbf16> {
  %b = deepseek.source @bias : tensor<6xbf16>
  // CHECK: deepseek.concat_rows %{{.*}}, %{{.*}} : (tensor<6xbf16>, tensor<6xbf16>) -> tensor<12xbf16>
  %c = deepseek.concat_rows %b, %b : (tensor<6xbf16>, tensor<6xbf16>) -> tensor<12xbf16>
  deepseek.yield %c : tensor<12xbf16>
}

// CHECK-LABEL: deepseek.recipe @converted
deepseek.recipe @converted : tensor<6xf32> {
  %b = deepseek.source @bias : tensor<6xbf16>
  // CHECK: deepseek.to_f32 %{{.*}} : tensor<6xbf16> -> tensor<6xf32>
  %f = deepseek.to_f32 %b : tensor<6xbf16> -> tensor<6xf32>
  deepseek.yield %f : tensor<6xf32>
}

// CHECK: deepseek.weight @packed : tensor<4x10xui4> from "packed"
deepseek.weight @packed : tensor<4x10xui4> from "packed" at [0, 0]
deepseek.weight @zeros : tensor<2x4xi4> from "zeros" at [0, 0]
deepseek.weight @blocks : tensor<2x3xf32> from "blocks" at [0, 0]

// CHECK-LABEL: deepseek.recipe @dequantized
deepseek.recipe @dequantized : tensor<4x9xbf16> {
  %p = deepseek.source @packed : tensor<4x10xui4>
  %z = deepseek.source @zeros : tensor<2x4xi4>
  %s = deepseek.source @blocks : tensor<2x3xf32>
  // CHECK: %[[N:.*]] = deepseek.to_f32 %{{.*}} : tensor<4x10xui4> -> tensor<4x10xf32>
  %n = deepseek.to_f32 %p : tensor<4x10xui4> -> tensor<4x10xf32>
  // CHECK: %[[Z:.*]] = deepseek.to_f32 %{{.*}} : tensor<2x4xi4> -> tensor<2x4xf32>
  %c = deepseek.to_f32 %z : tensor<2x4xi4> -> tensor<2x4xf32>
  // CHECK: deepseek.dequantize %[[N]] scales %{{.*}} zero 8.000000e+00 block <2 x 4> : (tensor<4x10xf32>, tensor<2x3xf32>) -> tensor<4x9xf32>
  %one = deepseek.dequantize %n scales %s zero 8.0 block <2 x 4> : (tensor<4x10xf32>, tensor<2x3xf32>) -> tensor<4x9xf32>
  // CHECK: deepseek.dequantize %[[N]] scales %{{.*}} zeros %[[Z]] block <2 x 4> : (tensor<4x10xf32>, tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x9xbf16>
  %r = deepseek.dequantize %n scales %s zeros %c block <2 x 4> : (tensor<4x10xf32>, tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x9xbf16>
  deepseek.yield %r : tensor<4x9xbf16>
}

// CHECK-LABEL: deepseek.recipe @quantized
deepseek.recipe @quantized : tensor<4x10xi8> {
  %w = deepseek.source @packed : tensor<4x10xui4>
  %f = deepseek.to_f32 %w : tensor<4x10xui4> -> tensor<4x10xf32>
  // CHECK: deepseek.quantize %{{.*}} group 4 : tensor<4x10xf32> -> tensor<4x10xi8>
  %q = deepseek.quantize %f group 4 : tensor<4x10xf32> -> tensor<4x10xi8>
  // CHECK: deepseek.quantize %{{.*}} group 4 : tensor<4x10xf32> -> tensor<4x10xf8E4M3FN>
  %e = deepseek.quantize %f group 4 : tensor<4x10xf32> -> tensor<4x10xf8E4M3FN>
  // CHECK: deepseek.quantize_scales %{{.*}} group 4 : tensor<4x10xf32> -> tensor<4x3xf32>
  %t = deepseek.quantize_scales %f group 4 : tensor<4x10xf32> -> tensor<4x3xf32>
  // CHECK: deepseek.to_bf16 %{{.*}} : tensor<4x10xf32> -> tensor<4x10xbf16>
  %b = deepseek.to_bf16 %f : tensor<4x10xf32> -> tensor<4x10xbf16>
  // CHECK: deepseek.quantize_scales %{{.*}} group 4 : tensor<4x10xf32> -> tensor<4x3xf16>
  %s = deepseek.quantize_scales %f group 4 : tensor<4x10xf32> -> tensor<4x3xf16>
  deepseek.yield %q : tensor<4x10xi8>
}

// CHECK-LABEL: deepseek.recipe @transposed
deepseek.recipe @transposed : tensor<3x2xf32> {
  // CHECK: %[[C:.*]] = deepseek.constant dense<{{.*}}> : tensor<2x3xf32>
  %c = deepseek.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  // CHECK: deepseek.transpose %[[C]] : tensor<2x3xf32> -> tensor<3x2xf32>
  %t = deepseek.transpose %c : tensor<2x3xf32> -> tensor<3x2xf32>
  deepseek.yield %t : tensor<3x2xf32>
}

// CHECK-LABEL: deepseek.recipe @table
deepseek.recipe @table : tensor<16x2x2xf32> {
  // Numbers print with as many digits as give them back.
  // CHECK: deepseek.rope_table <frequencies = [1.000000e+00, 1.000000e-01], magnitude = 2.000000e+00> : tensor<16x2x2xf32>
  %t = deepseek.rope_table <frequencies = [1.0, 0.1], magnitude = 2.0> : tensor<16x2x2xf32>
  deepseek.yield %t : tensor<16x2x2xf32>
}

// CHECK-LABEL: func.func @uses
// CHECK-SAME: (%[[L:.*]]: index)
func.func @uses(%l: index) {
  // CHECK: deepseek.get_weight @model : tensor<40x8xbf16>
  %m = deepseek.get_weight @model : tensor<40x8xbf16>
  // CHECK: deepseek.get_weight @panels[%[[L]]] : tensor<2x80x8xbf16, #deepseek.layout<panels = 32>>
  %p = deepseek.get_weight @panels[%l] : tensor<2x80x8xbf16, #deepseek.layout<panels = 32>>
  return
}
