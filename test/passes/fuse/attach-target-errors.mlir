// An arch without kernels is refused, with a list of those that have some, and so are activations of other types.
// RUN: fathom-opt %s --fathom-attach-target=arch=sse2 --verify-diagnostics
// RUN: not fathom-opt %s --fathom-attach-target=arch=sse2 2>&1 | FileCheck %s --implicit-check-not=builtin.module
// RUN: not fathom-opt %s --fathom-attach-target=activation=f16 2>&1 | FileCheck %s --check-prefix=F16

// CHECK: error: expects an arch
// F16: activation option: Cannot find option named 'f16'!

// expected-error @+1 {{expects an arch that has kernels, one of amxbf16, amx, avx512bf16, avx512vnni, avx512, avx2, x86, sm_90a, sm_80, but got 'sse2'}}
module {}
