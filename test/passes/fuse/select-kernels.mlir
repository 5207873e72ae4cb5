// Ops get the kernel of the catalog that suits their weights, layout and instruction set.
// RUN: fathom-opt %s --fathom-attach-target --fathom-select-kernels | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: fathom-opt %s --fathom-attach-target --fathom-select-kernels --fathom-select-kernels | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: fathom-opt %s --fathom-attach-target=arch=avx512 --fathom-select-kernels | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: fathom-opt %s --fathom-attach-target=pack-weights=false --fathom-select-kernels | FileCheck %s --check-prefixes=CHECK,ROWS
// RUN: fathom-opt %s --fathom-attach-target --fathom-select-kernels --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @w : tensor<8x8xbf16> from "w" at [0, 0]
deepseek.weight @half : tensor<8x8xf16> from "half" at [0, 0]
deepseek.weight @codes : tensor<8x8xf8E4M3FN> from "codes" at [0, 0]
deepseek.weight @codes_scale : tensor<1x1xf32> scale from "codes_scale" at [0, 0]
deepseek.weight @codes_scale_rows : tensor<8x1xf32> scale from "codes_scale_rows" at [0, 0]
deepseek.weight @norm : tensor<8xf32> from "norm" at [0, 0]

// CHECK-LABEL: func.func @products
func.func @products(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // AVX2: deepseek.linear {{.*}} {deepseek.kernel = "avx2_bf16_gemm"}
  // AVX512: deepseek.linear {{.*}} {deepseek.kernel = "avx512_bf16_gemm"}
  // ROWS: deepseek.linear {{.*}} {deepseek.kernel = "avx2_bf16_gemm_rows"}
  %w = deepseek.get_weight @w : tensor<8x8xbf16>
  %a = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  // AVX2: deepseek.linear {{.*}} {deepseek.kernel = "avx2_f8e4m3_gemm"}
  // AVX512: deepseek.linear {{.*}} {deepseek.kernel = "avx512_f8e4m3_gemm"}
  // ROWS: deepseek.linear {{.*}} {deepseek.kernel = "avx2_f8e4m3_gemm_rows"}
  %c = deepseek.get_weight @codes : tensor<8x8xf8E4M3FN>
  %s = deepseek.get_weight @codes_scale : tensor<1x1xf32>
  %b = deepseek.linear %a, %c scale %s <128 x 128>
      : (tensor<?x8xf32>, tensor<8x8xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x8xf32>
  // CHECK: deepseek.rms_norm {{.*}} {deepseek.kernel = "x86_f32_rms_norm"}
  %n = deepseek.get_weight @norm : tensor<8xf32>
  %d = deepseek.rms_norm %b, %n eps 0.25 : tensor<?x8xf32>, tensor<8xf32>
  return %d : tensor<?x8xf32>
}

// A kernel that reads rows has scales of 128 x 128 only.
// CHECK-LABEL: func.func @other_blocks
func.func @other_blocks(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // AVX2: deepseek.linear {{.*}} {deepseek.kernel = "avx2_f8e4m3_gemm"}
  // ROWS-NOT: deepseek.kernel
  %c = deepseek.get_weight @codes : tensor<8x8xf8E4M3FN>
  %s = deepseek.get_weight @codes_scale_rows : tensor<8x1xf32>
  %b = deepseek.linear %x, %c scale %s <1 x 128>
      : (tensor<?x8xf32>, tensor<8x8xf8E4M3FN>, tensor<8x1xf32>) -> tensor<?x8xf32>
  return %b : tensor<?x8xf32>
}

// Heads in either layout, and groups of columns.
// CHECK-LABEL: func.func @heads
func.func @heads(%x: tensor<?x8xf32>, %n: tensor<4xf32>, %t: tensor<16x2x2xf32>, %p: tensor<?xi32>,
                 %c: !deepseek.cache<key: 4 x f32, value: 4 x f32>, %l: index) -> tensor<?x8xf32> {
  // CHECK: deepseek.rms_norm {{.*}} {deepseek.kernel = "x86_f32_rms_norm"}
  // CHECK: deepseek.rope {{.*}} {deepseek.kernel = "x86_f32_rope"}
  // CHECK: deepseek.gqa_attention {{.*}}deepseek.kernel = "{{avx2|avx512}}_f32_gqa_attention"
  %a = deepseek.rms_norm %x, %n eps 0.25 : tensor<?x8xf32>, tensor<4xf32>
  %b = deepseek.rope half_split %a, %t at %p : tensor<?x8xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.gqa_attention %b, %c[%l] at %p
      {num_heads = 2 : i64, num_kv_heads = 1 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x8xf32>, !deepseek.cache<key: 4 x f32, value: 4 x f32>, index, tensor<?xi32>) -> tensor<?x8xf32>
  return %d : tensor<?x8xf32>
}

// Kernels take rows of every format.
// CHECK-LABEL: func.func @stores
func.func @stores(%q: tensor<?x8xf32>, %x: tensor<?x4xf32>, %p: tensor<?xi32>,
                  %c: !deepseek.cache<key: 4 x bf16, value: 4 x f8E4M3FN>, %l: index) -> tensor<?x8xf32> {
  // CHECK: deepseek.cache_append {{.*}} {deepseek.kernel = "x86_f32_cache_append"}
  // CHECK: deepseek.gqa_attention {{.*}}deepseek.kernel = "{{avx2|avx512}}_f32_gqa_attention"
  %d = deepseek.cache_append %c["key"][%l], %x at %p : !deepseek.cache<key: 4 x bf16, value: 4 x f8E4M3FN>, tensor<?x4xf32> at tensor<?xi32>
  %y = deepseek.gqa_attention %q, %d[%l] at %p
      {num_heads = 2 : i64, num_kv_heads = 1 : i64, head_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x8xf32>, !deepseek.cache<key: 4 x bf16, value: 4 x f8E4M3FN>, index, tensor<?xi32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The tail of a row of FP8 is a latent's key, or there is no kernel.
// CHECK-LABEL: func.func @keeps_tails
func.func @keeps_tails(%q: tensor<?x16xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<latent: 4 x f8E4M3FN + 4 x bf16>,
                       %d: !deepseek.cache<latent: 8 x f8E4M3FN>, %x: tensor<?x8xf32>, %l: index) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK-NOT: deepseek.kernel
  // CHECK: deepseek.cache_append
  // CHECK: deepseek.mla_latent_attention {{.*}}deepseek.kernel = "{{avx2|avx512}}_f32_mla_latent_attention"
  // CHECK-NOT: deepseek.kernel
  // CHECK: return
  %e = deepseek.cache_append %c["latent"][%l], %x at %p : !deepseek.cache<latent: 4 x f8E4M3FN + 4 x bf16>, tensor<?x8xf32> at tensor<?xi32>
  %y = deepseek.mla_latent_attention %q, %e[%l] at %p {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x16xf32>, !deepseek.cache<latent: 4 x f8E4M3FN + 4 x bf16>, index, tensor<?xi32>) -> tensor<?x8xf32>
  %z = deepseek.mla_latent_attention %q, %d[%l] at %p {num_heads = 2 : i64, rope_dim = 4 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x16xf32>, !deepseek.cache<latent: 8 x f8E4M3FN>, index, tensor<?xi32>) -> tensor<?x8xf32>
  return %y, %z : tensor<?x8xf32>, tensor<?x8xf32>
}

// No kernel reads f16.
// CHECK-LABEL: func.func @keeps_others
func.func @keeps_others(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NOT: deepseek.kernel
  // CHECK: return
  %w = deepseek.get_weight @half : tensor<8x8xf16>
  %a = deepseek.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf16>) -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}
