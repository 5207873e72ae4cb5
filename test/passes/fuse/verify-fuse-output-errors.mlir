// Modules that the fuse phase never leaves: kernels that do not exist or do not fit their op.
// RUN: fathom-opt %s --fathom-verify-fuse-output --split-input-file --verify-diagnostics

func.func @unknown_kernel(%x: tensor<?x8xf32>, %w: tensor<8x8xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects a kernel of the catalog, but got "avx1_gemm"}}
  %y = deepseek.linear %x, %w {deepseek.kernel = "avx1_gemm"} : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  return
}

// -----

deepseek.weight @w : tensor<8x8xbf16> from "w" at [0, 0]
deepseek.recipe @w.panels : tensor<8x8xbf16, #deepseek.layout<panels = 32>> {
  %w = deepseek.source @w : tensor<8x8xbf16>
  %p = deepseek.convert_layout %w : tensor<8x8xbf16> -> tensor<8x8xbf16, #deepseek.layout<panels = 32>>
  deepseek.yield %p : tensor<8x8xbf16, #deepseek.layout<panels = 32>>
}
func.func @panels_without_kernel(%x: tensor<?x8xf32>) {
  %w = deepseek.get_weight @w.panels : tensor<8x8xbf16, #deepseek.layout<panels = 32>>
  // expected-error @+1 {{'deepseek.linear' op expects a kernel that reads panels, but got none}}
  %y = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xbf16, #deepseek.layout<panels = 32>>) -> tensor<?x8xf32>
  return
}

// -----

deepseek.weight @w : tensor<8x8xbf16> from "w" at [0, 0]
deepseek.recipe @w.panels : tensor<8x8xbf16, #deepseek.layout<panels = 32>> {
  %w = deepseek.source @w : tensor<8x8xbf16>
  %p = deepseek.convert_layout %w : tensor<8x8xbf16> -> tensor<8x8xbf16, #deepseek.layout<panels = 32>>
  deepseek.yield %p : tensor<8x8xbf16, #deepseek.layout<panels = 32>>
}
func.func @panels_for_rows(%x: tensor<?x8xf32>) {
  %w = deepseek.get_weight @w.panels : tensor<8x8xbf16, #deepseek.layout<panels = 32>>
  // expected-error @+1 {{'deepseek.linear' op expects a kernel for gemm with weights bf16 in layout panels, but got "avx2_bf16_gemm_rows"}}
  %y = deepseek.linear %x, %w {deepseek.kernel = "avx2_bf16_gemm_rows"}
      : (tensor<?x8xf32>, tensor<8x8xbf16, #deepseek.layout<panels = 32>>) -> tensor<?x8xf32>
  return
}

// -----

func.func @rows_for_panels(%x: tensor<?x8xf32>, %w: tensor<8x8xbf16>) {
  // expected-error @+1 {{'deepseek.linear' op expects a kernel for gemm with weights bf16 in layout rows, but got "avx2_bf16_gemm"}}
  %y = deepseek.linear %x, %w {deepseek.kernel = "avx2_bf16_gemm"}
      : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @kernel_of_another_type(%x: tensor<?x8xf32>, %w: tensor<8xf32>) {
  // expected-error @+1 {{'deepseek.rms_norm' op expects a kernel for rms_norm with weights f32 in layout none, but got "x86_bf16_rms_norm"}}
  %y = deepseek.rms_norm %x, %w eps 0.5 {deepseek.kernel = "x86_bf16_rms_norm"} : tensor<?x8xf32>, tensor<8xf32>
  return
}

// -----

func.func @no_kernel_can(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'arith.addf' op expects a kernel for nothing with weights f32 in layout none, but got "x86_f32_swiglu"}}
  %y = arith.addf %x, %x {deepseek.kernel = "x86_f32_swiglu"} : tensor<?x8xf32>
  return
}
