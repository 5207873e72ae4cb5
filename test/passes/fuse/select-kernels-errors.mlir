// Kernels are chosen for a machine that the module names and the catalog has kernels for, which read its layout.
// RUN: fathom-opt %s --fathom-select-kernels --split-input-file --verify-diagnostics
// RUN: fathom-opt %s --fathom-assign-activation-types --split-input-file --verify-diagnostics
// RUN: fathom-opt %s --fathom-pack-weights --split-input-file --verify-diagnostics
// RUN: fathom-opt %s --fathom-verify-fuse-output --split-input-file --verify-diagnostics

// expected-error @+1 {{expects the machine to compile for in attribute 'deepseek.target'}}
module {}

// -----

// expected-error @+1 {{expects an arch that has kernels, one of amxbf16, amx, avx512bf16, avx512vnni, avx512, avx2, x86, sm_90a, sm_80, but got 'sse2'}}
module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "sse2", tune = "core2">} {}

// -----

// expected-error @+1 {{expects #deepseek.layout<panels = 32, interleave = 32>, which kernels read, but got #deepseek.layout<panels = 16, interleave = 16>}}
module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "avx2", tune = "x86-64-v3",
                                                      layout = <panels = 16, interleave = 16>>} {}

// -----

module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "avx2", tune = "x86-64-v3",
                                                      layout = <panels = 32, interleave = 32>>} {
  deepseek.weight @w : tensor<64x8xbf16> from "w" at [0, 0]
  deepseek.recipe @p : tensor<64x8xbf16, #deepseek.layout<panels = 32, interleave = 16>> {
    %w = deepseek.source @w : tensor<64x8xbf16>
    // expected-error @+1 {{'deepseek.convert_layout' op expects a layout that the module's target has, but got #deepseek.layout<panels = 32, interleave = 16>}}
    %p = deepseek.convert_layout %w : tensor<64x8xbf16> -> tensor<64x8xbf16, #deepseek.layout<panels = 32, interleave = 16>>
    deepseek.yield %p : tensor<64x8xbf16, #deepseek.layout<panels = 32, interleave = 16>>
  }
}
