// The latent's norm, the key's rotation and the cache write become one.
// RUN: fathom-opt %s --fathom-fuse-rope-cache-write | FileCheck %s
// RUN: fathom-opt %s --fathom-fuse-rope-cache-write --fathom-fuse-rope-cache-write | FileCheck %s
// RUN: fathom-opt %s --fathom-fuse-rope-cache-write --verify-numerics-each -o /dev/null 2>&1 | count 0

deepseek.weight @norm : tensor<6xbf16> from "norm" at [0, 0]
deepseek.recipe @table : tensor<16x2x2xf32> {
  %t = deepseek.rope_table <frequencies = [1.0, 0.1]> : tensor<16x2x2xf32>
  deepseek.yield %t : tensor<16x2x2xf32>
}

// CHECK-LABEL: func.func @fuses
// CHECK-SAME: (%[[KV:[^:]*]]: tensor<?x10xf32>, %[[P:[^:]*]]: tensor<?xi32>, %[[C:[^:]*]]: !deepseek.cache<latent: 10 x f32>, %[[L:[^:]*]]: index)
func.func @fuses(%kv: tensor<?x10xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<latent: 10 x f32>, %l: index) -> !deepseek.cache<latent: 10 x f32> {
  // CHECK: %[[W:.*]] = deepseek.get_weight @norm
  // CHECK: %[[T:.*]] = deepseek.get_weight @table
  // CHECK: %[[ROWS:.*]] = tensor.extract_slice %[[KV]][0, 0] [%{{.*}}, 10] [1, 1]
  // CHECK: %[[D:.*]] = deepseek.mla_append interleaved %[[C]][%[[L]]], %[[ROWS]], %[[W]], %[[T]] at %[[P]] eps 2.500000e-01
  // CHECK: return %[[D]]
  %c0 = arith.constant 0 : index
  %w = deepseek.get_weight @norm : tensor<6xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  %rows = tensor.dim %p, %c0 : tensor<?xi32>
  %latent = tensor.extract_slice %kv[0, 0] [%rows, 6] [1, 1] : tensor<?x10xf32> to tensor<?x6xf32>
  %n = deepseek.rms_norm %latent, %w eps 0.25 : tensor<?x6xf32>, tensor<6xbf16>
  %pe = tensor.extract_slice %kv[0, 6] [%rows, 4] [1, 1] : tensor<?x10xf32> to tensor<?x4xf32>
  %k = deepseek.rope interleaved %pe, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %n, %k at %p
      : !deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>, tensor<?x4xf32> at tensor<?xi32>
  return %d : !deepseek.cache<latent: 10 x f32>
}

// Columns of a wider projection become one slice.
// CHECK-LABEL: func.func @fuses_columns
// CHECK-SAME: (%[[BOTH:[^:]*]]: tensor<?x16xf32>
func.func @fuses_columns(%both: tensor<?x16xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<latent: 10 x f32>, %l: index)
    -> !deepseek.cache<latent: 10 x f32> {
  // CHECK: %[[KV:.*]] = tensor.extract_slice %[[BOTH]][0, 6] [%{{.*}}, 10] [1, 1] : tensor<?x16xf32> to tensor<?x10xf32>
  // CHECK: deepseek.mla_append interleaved %{{.*}}[%{{.*}}], %[[KV]],
  %c0 = arith.constant 0 : index
  %w = deepseek.get_weight @norm : tensor<6xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  %rows = tensor.dim %p, %c0 : tensor<?xi32>
  %latent = tensor.extract_slice %both[0, 6] [%rows, 6] [1, 1] : tensor<?x16xf32> to tensor<?x6xf32>
  %n = deepseek.rms_norm %latent, %w eps 0.25 : tensor<?x6xf32>, tensor<6xbf16>
  %pe = tensor.extract_slice %both[0, 12] [%rows, 4] [1, 1] : tensor<?x16xf32> to tensor<?x4xf32>
  %k = deepseek.rope interleaved %pe, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %n, %k at %p
      : !deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>, tensor<?x4xf32> at tensor<?xi32>
  return %d : !deepseek.cache<latent: 10 x f32>
}

// CHECK-LABEL: func.func @keeps_columns_apart
func.func @keeps_columns_apart(%both: tensor<?x16xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<latent: 10 x f32>, %l: index)
    -> !deepseek.cache<latent: 10 x f32> {
  // CHECK: deepseek.cache_append
  %c0 = arith.constant 0 : index
  %w = deepseek.get_weight @norm : tensor<6xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  %rows = tensor.dim %p, %c0 : tensor<?xi32>
  %latent = tensor.extract_slice %both[0, 4] [%rows, 6] [1, 1] : tensor<?x16xf32> to tensor<?x6xf32>
  %n = deepseek.rms_norm %latent, %w eps 0.25 : tensor<?x6xf32>, tensor<6xbf16>
  %pe = tensor.extract_slice %both[0, 12] [%rows, 4] [1, 1] : tensor<?x16xf32> to tensor<?x4xf32>
  %k = deepseek.rope interleaved %pe, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %n, %k at %p
      : !deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>, tensor<?x4xf32> at tensor<?xi32>
  return %d : !deepseek.cache<latent: 10 x f32>
}

// The norm is needed as it is.
// CHECK-LABEL: func.func @keeps_a_latent_used_elsewhere
func.func @keeps_a_latent_used_elsewhere(%kv: tensor<?x10xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<latent: 10 x f32>, %l: index)
    -> (!deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>) {
  // CHECK: deepseek.cache_append
  %c0 = arith.constant 0 : index
  %w = deepseek.get_weight @norm : tensor<6xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  %rows = tensor.dim %p, %c0 : tensor<?xi32>
  %latent = tensor.extract_slice %kv[0, 0] [%rows, 6] [1, 1] : tensor<?x10xf32> to tensor<?x6xf32>
  %n = deepseek.rms_norm %latent, %w eps 0.25 : tensor<?x6xf32>, tensor<6xbf16>
  %pe = tensor.extract_slice %kv[0, 6] [%rows, 4] [1, 1] : tensor<?x10xf32> to tensor<?x4xf32>
  %k = deepseek.rope interleaved %pe, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %n, %k at %p
      : !deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>, tensor<?x4xf32> at tensor<?xi32>
  return %d, %n : !deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>
}

// CHECK-LABEL: func.func @keeps_other_positions
func.func @keeps_other_positions(%kv: tensor<?x10xf32>, %p: tensor<?xi32>, %other: tensor<?xi32>, %c: !deepseek.cache<latent: 10 x f32>,
                                 %l: index) -> !deepseek.cache<latent: 10 x f32> {
  // CHECK: deepseek.cache_append
  %c0 = arith.constant 0 : index
  %w = deepseek.get_weight @norm : tensor<6xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  %rows = tensor.dim %p, %c0 : tensor<?xi32>
  %latent = tensor.extract_slice %kv[0, 0] [%rows, 6] [1, 1] : tensor<?x10xf32> to tensor<?x6xf32>
  %n = deepseek.rms_norm %latent, %w eps 0.25 : tensor<?x6xf32>, tensor<6xbf16>
  %pe = tensor.extract_slice %kv[0, 6] [%rows, 4] [1, 1] : tensor<?x10xf32> to tensor<?x4xf32>
  %k = deepseek.rope interleaved %pe, %t at %other : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %n, %k at %p
      : !deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>, tensor<?x4xf32> at tensor<?xi32>
  return %d : !deepseek.cache<latent: 10 x f32>
}

// CHECK-LABEL: func.func private @keeps_slices_of_other_rows
func.func private @keeps_slices_of_other_rows(%kv: tensor<?x10xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<latent: 10 x f32>,
                                              %l: index, %rows: index) -> !deepseek.cache<latent: 10 x f32> {
  // CHECK: deepseek.cache_append
  %w = deepseek.get_weight @norm : tensor<6xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  %latent = tensor.extract_slice %kv[0, 0] [%rows, 6] [1, 1] : tensor<?x10xf32> to tensor<?x6xf32>
  %n = deepseek.rms_norm %latent, %w eps 0.25 : tensor<?x6xf32>, tensor<6xbf16>
  %pe = tensor.extract_slice %kv[1, 6] [%rows, 4] [1, 1] : tensor<?x10xf32> to tensor<?x4xf32>
  %k = deepseek.rope interleaved %pe, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %n, %k at %p
      : !deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>, tensor<?x4xf32> at tensor<?xi32>
  return %d : !deepseek.cache<latent: 10 x f32>
}

// Rows that the slices leave out stay out.
// CHECK-LABEL: func.func private @fuses_later_rows
// CHECK-SAME: (%[[KV:[^:]*]]: tensor<?x10xf32>
func.func private @fuses_later_rows(%kv: tensor<?x10xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<latent: 10 x f32>, %l: index,
                                    %rows: index) -> !deepseek.cache<latent: 10 x f32> {
  // CHECK: %[[LATER:.*]] = tensor.extract_slice %[[KV]][1, 0] [%{{.*}}, 10] [1, 1]
  // CHECK: deepseek.mla_append interleaved %{{.*}}[%{{.*}}], %[[LATER]],
  %w = deepseek.get_weight @norm : tensor<6xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  %latent = tensor.extract_slice %kv[1, 0] [%rows, 6] [1, 1] : tensor<?x10xf32> to tensor<?x6xf32>
  %n = deepseek.rms_norm %latent, %w eps 0.25 : tensor<?x6xf32>, tensor<6xbf16>
  %pe = tensor.extract_slice %kv[1, 6] [%rows, 4] [1, 1] : tensor<?x10xf32> to tensor<?x4xf32>
  %k = deepseek.rope interleaved %pe, %t at %p : tensor<?x4xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %n, %k at %p
      : !deepseek.cache<latent: 10 x f32>, tensor<?x6xf32>, tensor<?x4xf32> at tensor<?xi32>
  return %d : !deepseek.cache<latent: 10 x f32>
}

// A latent is one group, its key one head.
// CHECK-LABEL: func.func @keeps_heads
func.func @keeps_heads(%kv: tensor<?x20xf32>, %p: tensor<?xi32>, %c: !deepseek.cache<latent: 20 x f32>, %l: index)
    -> !deepseek.cache<latent: 20 x f32> {
  // CHECK: deepseek.rms_norm
  // CHECK: deepseek.rope
  // CHECK: deepseek.cache_append
  %c0 = arith.constant 0 : index
  %w = deepseek.get_weight @norm : tensor<6xbf16>
  %t = deepseek.get_weight @table : tensor<16x2x2xf32>
  %rows = tensor.dim %p, %c0 : tensor<?xi32>
  %latent = tensor.extract_slice %kv[0, 0] [%rows, 12] [1, 1] : tensor<?x20xf32> to tensor<?x12xf32>
  %n = deepseek.rms_norm %latent, %w eps 0.25 : tensor<?x12xf32>, tensor<6xbf16>
  %pe = tensor.extract_slice %kv[0, 12] [%rows, 8] [1, 1] : tensor<?x20xf32> to tensor<?x8xf32>
  %k = deepseek.rope interleaved %pe, %t at %p : tensor<?x8xf32>, tensor<16x2x2xf32>, tensor<?xi32>
  %d = deepseek.cache_append %c["latent"][%l], %n, %k at %p
      : !deepseek.cache<latent: 20 x f32>, tensor<?x12xf32>, tensor<?x8xf32> at tensor<?xi32>
  return %d : !deepseek.cache<latent: 20 x f32>
}
