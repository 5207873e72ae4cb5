// Weights that kernels read in panels become recipes that end in panels; unused recipes go.
// RUN: fathom-opt %s --fathom-attach-target --fathom-pack-weights | FileCheck %s
// RUN: fathom-opt %s --fathom-attach-target --fathom-pack-weights --fathom-pack-weights | FileCheck %s
// RUN: fathom-opt %s --fathom-attach-target --fathom-pack-weights --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @w : tensor<40x8xbf16> layers [0, 1] from "w" at [0, 0, 0, 0]
deepseek.weight @codes : tensor<40x200xf8E4M3FN> from "codes" at [0, 0]
deepseek.weight @codes_scale : tensor<1x2xf32> scale from "codes_scale" at [0, 0]
deepseek.weight @bias : tensor<4xbf16> from "bias" at [0, 0]
deepseek.weight @bias_f32 : tensor<4xf32> from "bias_f32" at [0, 0]

deepseek.recipe @twice : tensor<80x8xbf16> layers [0, 1] {
  %w = deepseek.source @w : tensor<40x8xbf16>
  %t = deepseek.concat_rows %w, %w : (tensor<40x8xbf16>, tensor<40x8xbf16>) -> tensor<80x8xbf16>
  deepseek.yield %t : tensor<80x8xbf16>
}

// CHECK-NOT: deepseek.recipe @twice :

// CHECK: deepseek.recipe @w.panels : tensor<40x8xbf16, #deepseek.layout<panels = 32>> layers [0, 1] {
// CHECK-NEXT: %[[W:.*]] = deepseek.source @w
// CHECK-NEXT: deepseek.convert_layout %[[W]] : tensor<40x8xbf16> -> tensor<40x8xbf16, #deepseek.layout<panels = 32>>

// CHECK: deepseek.recipe @twice.panels : tensor<80x8xbf16, #deepseek.layout<panels = 32>> layers [0, 1] {
// CHECK: deepseek.concat_rows
// CHECK: deepseek.convert_layout %{{.*}} : tensor<80x8xbf16> -> tensor<80x8xbf16, #deepseek.layout<panels = 32>>

// CHECK: deepseek.recipe @codes.panels : tensor<40x200xf8E4M3FN, #deepseek.layout<panels = 32>>
// CHECK: deepseek.recipe @codes_scale.panels : tensor<40x2xf32, #deepseek.layout<panels = 32>> {
// CHECK: %[[E:.*]] = deepseek.expand_scale %{{.*}} rows 128 : tensor<1x2xf32> -> tensor<40x2xf32>
// CHECK: deepseek.convert_layout %[[E]] : tensor<40x2xf32> -> tensor<40x2xf32, #deepseek.layout<panels = 32>>

// CHECK: deepseek.recipe @bias.f32 : tensor<4xf32> {
// CHECK: deepseek.to_f32 %{{.*}} : tensor<4xbf16> -> tensor<4xf32>

// CHECK-LABEL: func.func @packs
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[L:.*]]: index)
func.func @packs(%x: tensor<?x8xf32>, %l: index) -> (tensor<?x40xf32>, tensor<?x80xf32>) {
  // CHECK: %[[W:.*]] = deepseek.get_weight @w.panels[%[[L]]]
  // CHECK: deepseek.linear %[[X]], %[[W]] {{.*}}(tensor<?x8xf32>, tensor<40x8xbf16, #deepseek.layout<panels = 32>>) -> tensor<?x40xf32>
  // CHECK: %[[T:.*]] = deepseek.get_weight @twice.panels[%[[L]]]
  // CHECK: deepseek.linear %[[X]], %[[T]]
  %w = deepseek.get_weight @w[%l] : tensor<40x8xbf16>
  %y = deepseek.linear %x, %w {deepseek.kernel = "avx2_bf16_gemm"}
      : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
  %t = deepseek.get_weight @twice[%l] : tensor<80x8xbf16>
  %z = deepseek.linear %x, %t {deepseek.kernel = "avx2_bf16_gemm"}
      : (tensor<?x8xf32>, tensor<80x8xbf16>) -> tensor<?x80xf32>
  return %y, %z : tensor<?x40xf32>, tensor<?x80xf32>
}

// CHECK-LABEL: func.func @packs_quantized
func.func @packs_quantized(%x: tensor<?x200xf32>) -> tensor<?x40xf32> {
  // CHECK: deepseek.linear %{{.*}}, %{{.*}} scale %{{.*}} <1 x 128> {{.*}}(tensor<?x200xf32>, tensor<40x200xf8E4M3FN, #deepseek.layout<panels = 32>>, tensor<40x2xf32, #deepseek.layout<panels = 32>>)
  %w = deepseek.get_weight @codes : tensor<40x200xf8E4M3FN>
  %s = deepseek.get_weight @codes_scale : tensor<1x2xf32>
  %y = deepseek.linear %x, %w scale %s <128 x 128> {deepseek.kernel = "avx2_f8e4m3_gemm"}
      : (tensor<?x200xf32>, tensor<40x200xf8E4M3FN>, tensor<1x2xf32>) -> tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}

// CHECK-LABEL: func.func @keeps_rows
func.func @keeps_rows(%x: tensor<?x8xf32>, %l: index) -> tensor<?x40xf32> {
  // CHECK: deepseek.linear %{{.*}} (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
  %w = deepseek.get_weight @w[%l] : tensor<40x8xbf16>
  %y = deepseek.linear %x, %w {deepseek.kernel = "avx2_bf16_gemm_rows"}
      : (tensor<?x8xf32>, tensor<40x8xbf16>) -> tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}

// CHECK-LABEL: func.func @converts_biases
func.func @converts_biases(%x: tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xi32>) {
  // CHECK: %[[B:.*]] = deepseek.get_weight @bias.f32 : tensor<4xf32>
  // CHECK: deepseek.moe_gate %{{.*}} bias %[[B]]
  %b = deepseek.get_weight @bias : tensor<4xbf16>
  %i, %w = deepseek.moe_gate %x bias %b <sigmoid, none, top_k = 2> {deepseek.kernel = "x86_f32_moe_gate"}
      : (tensor<?x4xf32>, tensor<4xbf16>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  // CHECK: %[[C:.*]] = deepseek.get_weight @bias_f32 : tensor<4xf32>
  // CHECK: deepseek.moe_gate %{{.*}} bias %[[C]]
  %c = deepseek.get_weight @bias_f32 : tensor<4xf32>
  %j, %v = deepseek.moe_gate %x bias %c <sigmoid, none, top_k = 2> {deepseek.kernel = "x86_f32_moe_gate"}
      : (tensor<?x4xf32>, tensor<4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %i, %j : tensor<?x2xi32>, tensor<?x2xi32>
}

// CHECK-LABEL: func.func @keeps_biases_without_a_kernel
func.func @keeps_biases_without_a_kernel(%x: tensor<?x4xf32>) -> tensor<?x2xi32> {
  // CHECK: deepseek.get_weight @bias : tensor<4xbf16>
  %b = deepseek.get_weight @bias : tensor<4xbf16>
  %i, %w = deepseek.moe_gate %x bias %b <sigmoid, none, top_k = 2>
      : (tensor<?x4xf32>, tensor<4xbf16>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %i : tensor<?x2xi32>
}
