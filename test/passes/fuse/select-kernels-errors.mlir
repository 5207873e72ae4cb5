// RUN: fathom-opt %s --fathom-select-kernels=arch=sse2 --verify-diagnostics

// expected-error @+1 {{expects arch avx2 or avx512, but got 'sse2'}}
module {}
