// An arch without kernels is refused, with a list of those that have some.
// RUN: fathom-opt %s --fathom-attach-target=arch=sse2 --verify-diagnostics
// RUN: not fathom-opt %s --fathom-attach-target=arch=sse2 2>&1 | FileCheck %s --implicit-check-not=builtin.module

// CHECK: error: expects an arch

// expected-error @+1 {{expects an arch that has kernels, one of amx, avx512, avx2, x86, but got 'sse2'}}
module {}
