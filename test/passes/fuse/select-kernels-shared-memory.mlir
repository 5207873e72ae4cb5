// Where a kernel needs more shared memory for the shapes of an op than a GPU has, the op has no kernel.
// RUN: fathom-opt %s --fathom-attach-target=arch=sm_80 --fathom-select-kernels 2>&1 | FileCheck %s --check-prefixes=CHECK,SM80
// RUN: fathom-opt %s --fathom-attach-target=arch=sm_90a --fathom-select-kernels | FileCheck %s --check-prefixes=CHECK,SM90

// SM80: warning: deepseek.gqa_attention runs as generated code, which is slow: kernel 'sm_80_f32_gqa_attention' needs 198528 bytes of shared memory for these shapes, but sm_80 has 101376
// CHECK-LABEL: func.func @wide_heads
func.func @wide_heads(%q: tensor<?x1024xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<key: 512 x f32, value: 512 x f32>,
                      %d: !deepseek.cache<key: 1024 x f32, value: 1024 x f32>, %l: index) -> (tensor<?x1024xf32>, tensor<?x1024xf32>) {
  // CHECK: deepseek.gqa_attention {{.*}} {deepseek.kernel = "sm_80_f32_gqa_attention", head_dim = 512
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 2 : i64, num_kv_heads = 1 : i64, head_dim = 512 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x1024xf32>, !deepseek.cache<key: 512 x f32, value: 512 x f32>, index, tensor<?xi32>) -> tensor<?x1024xf32>
  // SM80: deepseek.gqa_attention {{.*}} {head_dim = 1024
  // SM90: deepseek.gqa_attention {{.*}} {deepseek.kernel = "sm_80_f32_gqa_attention", head_dim = 1024
  %b = deepseek.gqa_attention %q, %d[%l] at %p
      {num_heads = 1 : i64, num_kv_heads = 1 : i64, head_dim = 1024 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x1024xf32>, !deepseek.cache<key: 1024 x f32, value: 1024 x f32>, index, tensor<?xi32>) -> tensor<?x1024xf32>
  return %a, %b : tensor<?x1024xf32>, tensor<?x1024xf32>
}
