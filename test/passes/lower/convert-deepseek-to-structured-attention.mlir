// Attention over a task's cache, in both forms, and what stays where a cache is of no task.
// RUN: fathom-opt %s --split-input-file --fathom-convert-deepseek-to-structured | FileCheck %s
// RUN: fathom-opt %s --split-input-file --fathom-convert-deepseek-to-structured --fathom-convert-deepseek-to-structured | FileCheck %s

module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 6 : i64, layers = 2 : i64, max_context = 16 : i64,
                                     bos_token = 0 : i64, eos_tokens = array<i64: 1>},
                   plan.stores = [#plan.store<"latent", layers = 2, width = 5, offset = 0>,
                                  #plan.store<"key", layers = 2, heads = 3, width = 2, offset = 2560>,
                                  #plan.store<"value", layers = 2, heads = 3, width = 2, offset = 5632>]} {
// A row sees the keys up to its own position. Scores are memory for as many keys as a context has positions.
// CHECK-LABEL: func.func @latent(
// CHECK-SAME: %[[TASK:.*]]: !plan.task, %[[ITEM:.*]]: index, %[[Q:.*]]: tensor<?x10xf32>, %[[P:.*]]: tensor<?xi32>, %[[L:.*]]: index)
func.func @latent(%task: !plan.task, %item: index, %q: tensor<?x10xf32>, %p: tensor<?xi32>, %l: index) -> tensor<?x6xf32> {
  // CHECK-DAG: %[[SCALE:.*]] = arith.constant 5.000000e-01 : f32
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
  // CHECK: %[[SCORES:.*]] = tensor.empty() : tensor<2x16xf32>
  // CHECK: %[[BOTH:.*]]:2 = scf.for %[[T:[^ ]*]] = %{{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %[[SCORES]])
  // CHECK: %[[ID:.*]] = tensor.extract %[[P]][%[[T]]] : tensor<?xi32>
  // CHECK: %[[POSITION:.*]] = arith.index_cast %[[ID]] : i32 to index
  // CHECK: %[[KEYS:.*]] = arith.addi %[[POSITION]], %[[C1]] : index
  // CHECK: %[[SCORED:.*]] = scf.for %[[KEY:[^ ]*]] = %[[C0]] to %[[KEYS]]
  // CHECK: %[[OF:.*]] = arith.addi %[[ITEM]], %[[T]] : index
  // CHECK: plan.cache_row "latent" of %[[TASK]][%[[OF]]] at %[[KEY]] layer %[[L]] : memref<5xf32>
  // CHECK: %[[SUMS:.*]]:2 = scf.for
  // CHECK: arith.mulf %[[SUMS]]#0, %[[SCALE]] : f32
  // CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[SCORED]])
  // CHECK: math.exp
  // CHECK: arith.divf
  // CHECK: plan.cache_row "latent" of %[[TASK]]
  // CHECK: return %[[BOTH]]#0
  %c = builtin.unrealized_conversion_cast %task : !plan.task to !deepseek.cache<latent: 5 x f32>
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 2 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x10xf32>, !deepseek.cache<latent: 5 x f32>, index, tensor<?xi32>) -> tensor<?x6xf32>
  return %a : tensor<?x6xf32>
}

// The expanded form takes the absorbed one: a query of 2 * (3 + 2), latents of 2 * 3, values of 2 * 1.
// CHECK-LABEL: func.func @expanded(
// CHECK-SAME: %[[TASK:.*]]: !plan.task, %[[ITEM:.*]]: index, %[[Q:.*]]: tensor<?x6xf32>, %[[W:.*]]: tensor<4x3xbf16>, %[[TABLE:.*]]: tensor<16x1x2xf32>,
func.func @expanded(%task: !plan.task, %item: index, %q: tensor<?x6xf32>, %w: tensor<4x3xbf16>, %t: tensor<16x1x2xf32>,
                    %p: tensor<?xi32>, %l: index) -> tensor<?x2xf32> {
  // CHECK-NOT: deepseek
  // CHECK: tensor.empty(%{{.*}}) : tensor<?x10xf32>
  // CHECK: math.fma
  // CHECK: tensor.extract %[[TABLE]]
  // CHECK: tensor.empty(%{{.*}}) : tensor<?x6xf32>
  // CHECK: plan.cache_row "latent" of %[[TASK]]
  // CHECK: tensor.empty(%{{.*}}) : tensor<?x2xf32>
  // CHECK: tensor.extract %[[W]]
  // CHECK-NOT: deepseek
  // CHECK: return
  %c = builtin.unrealized_conversion_cast %task : !plan.task to !deepseek.cache<latent: 5 x f32>
  %a = deepseek.mla_attention interleaved %q, %c[%l], %w, %t at %p
      {num_heads = 2 : i64, nope_dim = 1 : i64, rope_dim = 2 : i64, value_dim = 1 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x6xf32>, !deepseek.cache<latent: 5 x f32>, index, tensor<4x3xbf16>, tensor<16x1x2xf32>, tensor<?xi32>)
      -> tensor<?x2xf32>
  return %a : tensor<?x2xf32>
}

// Without a task, a cache cannot be reached; weights and states are for other passes. The rest decomposes.
// CHECK-LABEL: func.func @keeps(
// CHECK-SAME: %[[C:.*]]: !deepseek.cache<latent: 5 x f32>, %[[Q:.*]]: tensor<?x10xf32>,
func.func @keeps(%c: !deepseek.cache<latent: 5 x f32>, %q: tensor<?x10xf32>, %p: tensor<?xi32>, %l: index) -> tensor<?x6xf32> {
  // CHECK: deepseek.get_weight @norm : tensor<6xf32>
  // CHECK: %[[A:.*]] = deepseek.mla_latent_attention %[[Q]], %[[C]]
  // CHECK: deepseek.record_state %[[A]] layer 0
  // CHECK-NOT: deepseek
  // CHECK: linalg.generic
  // CHECK: return
  %w = deepseek.get_weight @norm : tensor<6xf32>
  %a = deepseek.mla_latent_attention %q, %c[%l] at %p
      {num_heads = 2 : i64, rope_dim = 2 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x10xf32>, !deepseek.cache<latent: 5 x f32>, index, tensor<?xi32>) -> tensor<?x6xf32>
  deepseek.record_state %a layer 0 : tensor<?x6xf32>
  %n = deepseek.rms_norm %a, %w eps 0.5 : tensor<?x6xf32>, tensor<6xf32>
  return %n : tensor<?x6xf32>
}
deepseek.weight @norm : tensor<6xf32> from "norm" at [0, 0]

// Two of six heads share what they read of the rows of two stores.
// CHECK-LABEL: func.func @grouped(
// CHECK-SAME: %[[TASK:.*]]: !plan.task, %[[ITEM:.*]]: index, %[[Q:.*]]: tensor<?x12xf32>, %[[P:.*]]: tensor<?xi32>, %[[L:.*]]: index)
func.func @grouped(%task: !plan.task, %item: index, %q: tensor<?x12xf32>, %p: tensor<?xi32>, %l: index) -> tensor<?x12xf32> {
  // CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
  // CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
  // CHECK-DAG: %[[C6:.*]] = arith.constant 6 : index
  // CHECK: scf.for %[[HEAD:[^ ]*]] = %{{.*}} to %[[C6]] step %[[C2]]
  // CHECK: %[[GROUP:.*]] = arith.divui %[[HEAD]], %[[C2]] : index
  // CHECK: %[[FIRST:.*]] = arith.muli %[[L]], %[[C3]] : index
  // CHECK: %[[LAYER:.*]] = arith.addi %[[FIRST]], %[[GROUP]] : index
  // CHECK: %[[KEY:.*]] = plan.cache_row "key" of %[[TASK]][%{{.*}}] at %{{.*}} layer %[[LAYER]] : memref<2xf32>
  // CHECK: %[[SUMS:.*]]:2 = scf.for %[[I:[^ ]*]] =
  // CHECK: memref.load %[[KEY]][%[[I]]] : memref<2xf32>
  // CHECK-COUNT-2: math.fma
  // CHECK: math.exp
  // CHECK: %[[ROW:.*]] = plan.cache_row "value" of %[[TASK]]
  // CHECK: memref.load %[[ROW]][%{{.*}}] : memref<2xf32>
  %c = builtin.unrealized_conversion_cast %task : !plan.task to !deepseek.cache<key: 3 x 2 x f32, value: 3 x 2 x f32>
  %a = deepseek.gqa_attention %q, %c[%l] at %p
      {num_heads = 6 : i64, num_kv_heads = 3 : i64, head_dim = 2 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x12xf32>, !deepseek.cache<key: 3 x 2 x f32, value: 3 x 2 x f32>, index, tensor<?xi32>) -> tensor<?x12xf32>
  return %a : tensor<?x12xf32>
}
}

// -----

// Rows that are not f32 are read number by number, and written at once.
module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 6 : i64, layers = 2 : i64, max_context = 16 : i64,
                                     bos_token = 0 : i64, eos_tokens = array<i64: 1>},
                   plan.stores = [#plan.store<"latent", layers = 2, width = 5, element = f8E4M3FN, tail = 2, offset = 0>]} {
// CHECK-LABEL: func.func @stored(
// CHECK-SAME: %[[TASK:.*]]: !plan.task, %[[ITEM:.*]]: index, %[[Q:.*]]: tensor<?x10xf32>, %[[X:.*]]: tensor<?x5xf32>, %[[P:.*]]: tensor<?xi32>, %[[L:.*]]: index)
func.func @stored(%task: !plan.task, %item: index, %q: tensor<?x10xf32>, %x: tensor<?x5xf32>, %p: tensor<?xi32>, %l: index) -> tensor<?x6xf32> {
  %c = builtin.unrealized_conversion_cast %task : !plan.task to !deepseek.cache<latent: 3 x f8E4M3FN + 2 x bf16>
  // CHECK: scf.for %[[T:[^ ]*]] =
  // CHECK: %[[OF:.*]] = arith.addi %[[ITEM]], %[[T]] : index
  // CHECK: %[[ROW:.*]] = plan.cache_row "latent" of %[[TASK]][%[[OF]]] at %{{.*}} layer %[[L]] : memref<12xi8>
  // CHECK: %[[NUMBERS:.*]] = memref.alloc() : memref<5xf32>
  // CHECK: scf.for %[[I:[^ ]*]] =
  // CHECK: %[[N:.*]] = tensor.extract %[[X]]
  // CHECK: memref.store %[[N]], %[[NUMBERS]][%{{.*}}] : memref<5xf32>
  // CHECK: plan.write_row "latent" %[[NUMBERS]], %[[ROW]] : memref<5xf32>, memref<12xi8>
  %d = deepseek.cache_append %c["latent"][%l], %x at %p
      : !deepseek.cache<latent: 3 x f8E4M3FN + 2 x bf16>, tensor<?x5xf32> at tensor<?xi32>
  // CHECK: plan.cache_row "latent" of %[[TASK]]
  // CHECK: %[[KEY:.*]] = plan.read_number "latent" %{{.*}}[%{{.*}}] : memref<12xi8>
  // CHECK: math.fma %{{.*}}, %[[KEY]]
  %y = deepseek.mla_latent_attention %q, %d[%l] at %p {num_heads = 2 : i64, rope_dim = 2 : i64, softmax_scale = 0.5 : f64}
      : (tensor<?x10xf32>, !deepseek.cache<latent: 3 x f8E4M3FN + 2 x bf16>, index, tensor<?xi32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}
}
