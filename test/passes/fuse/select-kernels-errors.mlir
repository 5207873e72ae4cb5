// Kernels are chosen for a machine that the module names and the catalog has kernels for.
// RUN: fathom-opt %s --fathom-select-kernels --split-input-file --verify-diagnostics
// RUN: fathom-opt %s --fathom-assign-activation-types --split-input-file --verify-diagnostics
// RUN: fathom-opt %s --fathom-pack-weights --split-input-file --verify-diagnostics
// RUN: fathom-opt %s --fathom-verify-fuse-output --split-input-file --verify-diagnostics

// expected-error @+1 {{expects the machine to compile for in attribute 'deepseek.target'}}
module {}

// -----

// expected-error @+1 {{expects an arch that has kernels, one of amx, avx512bf16, avx512, avx2, x86, but got 'sse2'}}
module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "sse2", tune = "core2">} {}
