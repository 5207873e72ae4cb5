// Projections of one input become one product, and what read them reads its columns.
// RUN: fathom-opt %s --fathom-fuse-shared-input-projections | FileCheck %s
// RUN: fathom-opt %s --fathom-fuse-shared-input-projections --fathom-fuse-shared-input-projections | FileCheck %s
// RUN: fathom-opt %s --fathom-fuse-shared-input-projections --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @q_a : tensor<6x8xbf16> layers [0, 1] from "q_a" at [0, 0, 0, 0]
deepseek.weight @q_norm : tensor<6xbf16> layers [0, 1] from "q_norm" at [0, 0, 0, 0]
deepseek.weight @kv_a : tensor<10x8xbf16> layers [0, 1] from "kv_a" at [0, 0, 0, 0]
deepseek.weight @kv_norm : tensor<6xbf16> layers [0, 1] from "kv_norm" at [0, 0, 0, 0]
deepseek.weight @q_a_f32 : tensor<6x8xf32> layers [0, 1] from "q_a_f32" at [0, 0, 0, 0]

deepseek.weight @q : tensor<8x8xbf16> layers [0, 1] from "q" at [0, 0, 0, 0]
deepseek.weight @k : tensor<4x8xbf16> layers [0, 1] from "k" at [0, 0, 0, 0]
deepseek.weight @v : tensor<4x8xbf16> layers [0, 1] from "v" at [0, 0, 0, 0]
deepseek.weight @q_bias : tensor<8xf32> layers [0, 1] from "q.bias" at [0, 0, 0, 0]
deepseek.weight @k_bias : tensor<4xf32> layers [0, 1] from "k.bias" at [0, 0, 0, 0]
deepseek.weight @v_bias : tensor<4xf32> layers [0, 1] from "v.bias" at [0, 0, 0, 0]
deepseek.weight @head_norm : tensor<2xbf16> layers [0, 1] from "head_norm" at [0, 0, 0, 0]

// CHECK: deepseek.recipe @"q_a+kv_a" : tensor<16x8xbf16> layers [0, 1] {
// CHECK-NEXT: %[[Q:.*]] = deepseek.source @q_a : tensor<6x8xbf16>
// CHECK-NEXT: %[[KV:.*]] = deepseek.source @kv_a : tensor<10x8xbf16>
// CHECK-NEXT: deepseek.concat_rows %[[Q]], %[[KV]]

// CHECK: deepseek.recipe @"q+k+v" : tensor<16x8xbf16> layers [0, 1] {
// CHECK: deepseek.recipe @"q_bias+k_bias+v_bias" : tensor<16xf32> layers [0, 1] {
// CHECK-NEXT: %[[Q:.*]] = deepseek.source @q_bias : tensor<8xf32>
// CHECK: deepseek.concat_rows %[[Q]], %{{.*}}, %{{.*}} : (tensor<8xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<16xf32>

// CHECK-LABEL: func.func @fuses
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x8xf32>,
func.func @fuses(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %t: tensor<16x2x2xf32>, %c: !deepseek.cache<latent: 10 x f32>, %l: index)
    -> (tensor<?x6xf32>, !deepseek.cache<latent: 10 x f32>) {
  // CHECK: %[[W:.*]] = deepseek.get_weight @"q_a+kv_a"
  // CHECK: %[[BOTH:.*]] = deepseek.linear %[[X]], %[[W]] : (tensor<?x8xf32>, tensor<16x8xbf16>) -> tensor<?x16xf32>
  // CHECK: %[[Q:.*]] = tensor.extract_slice %[[BOTH]][0, 0] [%{{.*}}, 6] [1, 1]
  // CHECK: %[[KV:.*]] = tensor.extract_slice %[[BOTH]][0, 6] [%{{.*}}, 10] [1, 1]
  // CHECK: deepseek.rms_norm %[[Q]]
  // CHECK: tensor.extract_slice %[[KV]][0, 0] [%{{.*}}, 6] [1, 1]
  // CHECK: tensor.extract_slice %[[KV]][0, 6] [%{{.*}}, 4] [1, 1]
  %c0 = arith.constant 0 : index
  %wq = deepseek.get_weight @q_a[%l] : tensor<6x8xbf16>
  %q = deepseek.linear %x, %wq : (tensor<?x8xf32>, tensor<6x8xbf16>) -> tensor<?x6xf32>
  %wkv = deepseek.get_weight @kv_a[%l] : tensor<10x8xbf16>
  %kv = deepseek.linear %x, %wkv : (tensor<?x8xf32>, tensor<10x8xbf16>) -> tensor<?x10xf32>
  %wqn = deepseek.get_weight @q_norm[%l] : tensor<6xbf16>
  %qn = deepseek.rms_norm %q, %wqn eps 1.0e-06 : tensor<?x6xf32>, tensor<6xbf16>
  %rows = tensor.dim %kv, %c0 : tensor<?x10xf32>
  %latent = tensor.extract_slice %kv[0, 0] [%rows, 6] [1, 1] : tensor<?x10xf32> to tensor<?x6xf32>
  %wn = deepseek.get_weight @kv_norm[%l] : tensor<6xbf16>
  %n = deepseek.rms_norm %latent, %wn eps 1.0e-06 : tensor<?x6xf32>, tensor<6xbf16>
  %pe = tensor.extract_slice %kv[0, 6] [%rows, 4] [1, 1] : tensor<?x10xf32> to tensor<?x4xf32>
  %key = deepseek.rope interleaved %pe, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %n, %key at %p
      : !deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>, tensor<?x4xf32> at tensor<?xi32>
  return %qn, %d : tensor<?x6xf32>, !deepseek.cache<latent: 10 x f32>
}

// CHECK-LABEL: func.func @keeps_other_types
func.func @keeps_other_types(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %t: tensor<16x2x2xf32>, %c: !deepseek.cache<latent: 10 x f32>,
                             %l: index) -> (tensor<?x6xf32>, !deepseek.cache<latent: 10 x f32>) {
  // CHECK: deepseek.linear %{{.*}} -> tensor<?x6xf32>
  // CHECK: deepseek.linear %{{.*}} -> tensor<?x10xf32>
  %c0 = arith.constant 0 : index
  %wq = deepseek.get_weight @q_a_f32[%l] : tensor<6x8xf32>
  %q = deepseek.linear %x, %wq : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32>
  %wkv = deepseek.get_weight @kv_a[%l] : tensor<10x8xbf16>
  %kv = deepseek.linear %x, %wkv : (tensor<?x8xf32>, tensor<10x8xbf16>) -> tensor<?x10xf32>
  %wqn = deepseek.get_weight @q_norm[%l] : tensor<6xbf16>
  %qn = deepseek.rms_norm %q, %wqn eps 1.0e-06 : tensor<?x6xf32>, tensor<6xbf16>
  %rows = tensor.dim %kv, %c0 : tensor<?x10xf32>
  %latent = tensor.extract_slice %kv[0, 0] [%rows, 6] [1, 1] : tensor<?x10xf32> to tensor<?x6xf32>
  %wn = deepseek.get_weight @kv_norm[%l] : tensor<6xbf16>
  %n = deepseek.rms_norm %latent, %wn eps 1.0e-06 : tensor<?x6xf32>, tensor<6xbf16>
  %pe = tensor.extract_slice %kv[0, 6] [%rows, 4] [1, 1] : tensor<?x10xf32> to tensor<?x4xf32>
  %key = deepseek.rope interleaved %pe, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %n, %key at %p
      : !deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>, tensor<?x4xf32> at tensor<?xi32>
  return %qn, %d : tensor<?x6xf32>, !deepseek.cache<latent: 10 x f32>
}

// CHECK-LABEL: func.func @keeps_latents_used_elsewhere
func.func @keeps_latents_used_elsewhere(%x: tensor<?x8xf32>, %l: index) -> (tensor<?x6xf32>, tensor<?x10xf32>) {
  // CHECK: deepseek.linear %{{.*}} -> tensor<?x6xf32>
  // CHECK: deepseek.linear %{{.*}} -> tensor<?x10xf32>
  %wq = deepseek.get_weight @q_a[%l] : tensor<6x8xbf16>
  %q = deepseek.linear %x, %wq : (tensor<?x8xf32>, tensor<6x8xbf16>) -> tensor<?x6xf32>
  %wkv = deepseek.get_weight @kv_a[%l] : tensor<10x8xbf16>
  %kv = deepseek.linear %x, %wkv : (tensor<?x8xf32>, tensor<10x8xbf16>) -> tensor<?x10xf32>
  return %q, %kv : tensor<?x6xf32>, tensor<?x10xf32>
}

// A query projected directly has no norm.
// CHECK-LABEL: func.func @keeps_direct_queries
func.func @keeps_direct_queries(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %t: tensor<16x2x2xf32>, %c: !deepseek.cache<latent: 10 x f32>,
                                %l: index) -> (tensor<?x6xf32>, !deepseek.cache<latent: 10 x f32>) {
  // CHECK: deepseek.linear %{{.*}} -> tensor<?x6xf32>
  // CHECK: deepseek.linear %{{.*}} -> tensor<?x10xf32>
  %c0 = arith.constant 0 : index
  %wq = deepseek.get_weight @q_a[%l] : tensor<6x8xbf16>
  %q = deepseek.linear %x, %wq : (tensor<?x8xf32>, tensor<6x8xbf16>) -> tensor<?x6xf32>
  %wkv = deepseek.get_weight @kv_a[%l] : tensor<10x8xbf16>
  %kv = deepseek.linear %x, %wkv : (tensor<?x8xf32>, tensor<10x8xbf16>) -> tensor<?x10xf32>
  %rows = tensor.dim %kv, %c0 : tensor<?x10xf32>
  %latent = tensor.extract_slice %kv[0, 0] [%rows, 6] [1, 1] : tensor<?x10xf32> to tensor<?x6xf32>
  %wn = deepseek.get_weight @kv_norm[%l] : tensor<6xbf16>
  %n = deepseek.rms_norm %latent, %wn eps 1.0e-06 : tensor<?x6xf32>, tensor<6xbf16>
  %pe = tensor.extract_slice %kv[0, 6] [%rows, 4] [1, 1] : tensor<?x10xf32> to tensor<?x4xf32>
  %key = deepseek.rope interleaved %pe, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %n, %key at %p
      : !deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>, tensor<?x4xf32> at tensor<?xi32>
  return %q, %d : tensor<?x6xf32>, !deepseek.cache<latent: 10 x f32>
}

// Nothing says what two products are for that nobody uses.
// CHECK-LABEL: func.func @keeps_unused_products
func.func @keeps_unused_products(%x: tensor<?x8xf32>, %l: index) -> tensor<?x8xf32> {
  // CHECK: deepseek.linear %{{.*}} -> tensor<?x6xf32>
  // CHECK: deepseek.linear %{{.*}} -> tensor<?x10xf32>
  %wq = deepseek.get_weight @q_a[%l] : tensor<6x8xbf16>
  %q = deepseek.linear %x, %wq : (tensor<?x8xf32>, tensor<6x8xbf16>) -> tensor<?x6xf32>
  %wkv = deepseek.get_weight @kv_a[%l] : tensor<10x8xbf16>
  %kv = deepseek.linear %x, %wkv : (tensor<?x8xf32>, tensor<10x8xbf16>) -> tensor<?x10xf32>
  return %x : tensor<?x8xf32>
}

// Query, key and value with their biases; keys have a norm for each head.
// CHECK-LABEL: func.func @fuses_heads
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x8xf32>,
func.func @fuses_heads(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %t: tensor<16x1x2xf32>, %c: !deepseek.cache<key: 2 x 2 x f32, value: 2 x 2 x f32>,
                       %l: index) -> (tensor<?x8xf32>, !deepseek.cache<key: 2 x 2 x f32, value: 2 x 2 x f32>) {
  // CHECK: %[[W:.*]] = deepseek.get_weight @"q+k+v"
  // CHECK: %[[B:.*]] = deepseek.get_weight @"q_bias+k_bias+v_bias"
  // CHECK: %[[ALL:.*]] = deepseek.linear %[[X]], %[[W]] bias %[[B]] : (tensor<?x8xf32>, tensor<16x8xbf16>, tensor<16xf32>) -> tensor<?x16xf32>
  // CHECK: %[[Q:.*]] = tensor.extract_slice %[[ALL]][0, 0] [%{{.*}}, 8] [1, 1]
  // CHECK: %[[K:.*]] = tensor.extract_slice %[[ALL]][0, 8] [%{{.*}}, 4] [1, 1]
  // CHECK: %[[V:.*]] = tensor.extract_slice %[[ALL]][0, 12] [%{{.*}}, 4] [1, 1]
  // CHECK: deepseek.rms_norm %[[K]],
  // CHECK: deepseek.cache_append %{{.*}}, %[[V]] at
  // CHECK: deepseek.rope half_split %[[Q]],
  %wq = deepseek.get_weight @q[%l] : tensor<8x8xbf16>
  %bq = deepseek.get_weight @q_bias[%l] : tensor<8xf32>
  %q = deepseek.linear %x, %wq bias %bq : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8xf32>) -> tensor<?x8xf32>
  %wk = deepseek.get_weight @k[%l] : tensor<4x8xbf16>
  %bk = deepseek.get_weight @k_bias[%l] : tensor<4xf32>
  %k = deepseek.linear %x, %wk bias %bk : (tensor<?x8xf32>, tensor<4x8xbf16>, tensor<4xf32>) -> tensor<?x4xf32>
  %wv = deepseek.get_weight @v[%l] : tensor<4x8xbf16>
  %bv = deepseek.get_weight @v_bias[%l] : tensor<4xf32>
  %v = deepseek.linear %x, %wv bias %bv : (tensor<?x8xf32>, tensor<4x8xbf16>, tensor<4xf32>) -> tensor<?x4xf32>
  %wn = deepseek.get_weight @head_norm[%l] : tensor<2xbf16>
  %n = deepseek.rms_norm %k, %wn eps 1.0e-06 : tensor<?x4xf32>, tensor<2xbf16>
  %key = deepseek.rope half_split %n, %t at %p : tensor<?x4xf32>, tensor<16x1x2xf32>, tensor<?xi32>
  %with_key = deepseek.cache_append %c["key"][%l], %key at %p
      : !deepseek.cache<key: 2 x 2 x f32, value: 2 x 2 x f32>, tensor<?x4xf32> at tensor<?xi32>
  %d = deepseek.cache_append %with_key["value"][%l], %v at %p
      : !deepseek.cache<key: 2 x 2 x f32, value: 2 x 2 x f32>, tensor<?x4xf32> at tensor<?xi32>
  %query = deepseek.rope half_split %q, %t at %p : tensor<?x8xf32>, tensor<16x1x2xf32>, tensor<?xi32>
  %a = deepseek.gqa_attention %query, %d[%l] at %p
      {num_heads = 4 : i64, num_kv_heads = 2 : i64, head_dim = 2 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x8xf32>, !deepseek.cache<key: 2 x 2 x f32, value: 2 x 2 x f32>, index, tensor<?xi32>) -> tensor<?x8xf32>
  return %a, %d : tensor<?x8xf32>, !deepseek.cache<key: 2 x 2 x f32, value: 2 x 2 x f32>
}

// A product without a bias is not one with a bias of zero.
// CHECK-LABEL: func.func @keeps_some_biases
func.func @keeps_some_biases(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<key: 2 x 2 x f32, value: 2 x 2 x f32>, %l: index)
    -> !deepseek.cache<key: 2 x 2 x f32, value: 2 x 2 x f32> {
  // CHECK: deepseek.linear %{{.*}} -> tensor<?x4xf32>
  // CHECK: deepseek.linear %{{.*}} -> tensor<?x4xf32>
  %wk = deepseek.get_weight @k[%l] : tensor<4x8xbf16>
  %bk = deepseek.get_weight @k_bias[%l] : tensor<4xf32>
  %k = deepseek.linear %x, %wk bias %bk : (tensor<?x8xf32>, tensor<4x8xbf16>, tensor<4xf32>) -> tensor<?x4xf32>
  %wv = deepseek.get_weight @v[%l] : tensor<4x8xbf16>
  %v = deepseek.linear %x, %wv : (tensor<?x8xf32>, tensor<4x8xbf16>) -> tensor<?x4xf32>
  %with_key = deepseek.cache_append %c["key"][%l], %k at %p
      : !deepseek.cache<key: 2 x 2 x f32, value: 2 x 2 x f32>, tensor<?x4xf32> at tensor<?xi32>
  %d = deepseek.cache_append %with_key["value"][%l], %v at %p
      : !deepseek.cache<key: 2 x 2 x f32, value: 2 x 2 x f32>, tensor<?x4xf32> at tensor<?xi32>
  return %d : !deepseek.cache<key: 2 x 2 x f32, value: 2 x 2 x f32>
}
