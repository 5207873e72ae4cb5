// Both phases on a small model keep its numbers, whatever kernels are chosen.
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --fathom-fuse-pipeline | FileCheck %s
// RUN: fathom-opt %S/../Inputs/tiny.mlir --verify-numerics-each --fathom-model-pipeline --fathom-fuse-pipeline -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %S/../Inputs/tiny.mlir --verify-numerics-each --fathom-model-pipeline --fathom-fuse-pipeline=arch=avx512 -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %S/../Inputs/tiny.mlir --verify-numerics-each --fathom-model-pipeline --fathom-fuse-pipeline=arch=sm_80 -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %S/../Inputs/tiny.mlir --verify-numerics-each --fathom-model-pipeline=rewrite-weights=false --fathom-fuse-pipeline=pack-weights=false -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %S/../Inputs/tiny.mlir --verify-numerics-each --fathom-model-pipeline --fathom-fuse-pipeline=kernels=false -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %S/../Inputs/tiny-gqa.mlir --verify-numerics-each --fathom-model-pipeline --fathom-fuse-pipeline -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %S/../Inputs/tiny-gqa.mlir --verify-numerics-each --fathom-model-pipeline=rewrite-weights=false --fathom-fuse-pipeline=pack-weights=false -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %S/../Inputs/tiny-gqa.mlir --verify-numerics-each --fathom-model-pipeline --fathom-fuse-pipeline=kernels=false -o /dev/null 2>&1 | count 0

// CHECK-LABEL: func.func private @decode.moe
// CHECK: deepseek.rms_norm {{.*}} {deepseek.kernel = "x86_bf16_rms_norm"}
// CHECK: deepseek.mla_append {{.*}} {deepseek.kernel = "x86_bf16_mla_append"}
// CHECK: deepseek.mla_latent_attention {{.*}}deepseek.kernel = "avx2_f32_mla_latent_attention"
// CHECK: deepseek.add_rms_norm {{.*}} {deepseek.kernel = "x86_bf16_add_rms_norm"}
// CHECK: deepseek.moe_gate {{.*}} {deepseek.kernel = "x86_f32_moe_gate"}
// CHECK: deepseek.moe_linear_swiglu {{.*}} {deepseek.kernel = "avx2_bf16_moe_gemm_swiglu"}
// CHECK-LABEL: func.func @decode(
