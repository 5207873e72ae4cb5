// A module says for which machine it is compiled: as kernels need it, however often it is said.
// RUN: fathom-opt %s --fathom-attach-target | FileCheck %s
// RUN: fathom-opt %s --fathom-attach-target=arch=avx512 --fathom-attach-target | FileCheck %s
// RUN: fathom-opt %s --fathom-attach-target="arch=avx512 tune=znver4 pack-weights=false" | FileCheck %s --check-prefix=AVX512
// RUN: fathom-opt %s --fathom-attach-target=activation=bf16 | FileCheck %s --check-prefix=BF16
// RUN: fathom-opt %s --fathom-attach-target=arch=amx | FileCheck %s --check-prefix=AMX

// CHECK: module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "avx2", tune = "x86-64-v3", layout = <panels = 32, interleave = 32>>}
// AVX512: module attributes {deepseek.target = #deepseek.target<"x86_64-unknown-linux-gnu", arch = "avx512", tune = "znver4">}
// BF16: layout = <panels = 32, interleave = 32>, activation = bf16>}
// AMX: arch = "amx", tune = "sapphirerapids"
module {}
