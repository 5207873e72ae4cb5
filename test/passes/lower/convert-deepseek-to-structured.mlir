// Compute ops become linalg, tensor, scf, arith and math; values: structured_values_test.cpp.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-structured | FileCheck %s
// RUN: fathom-opt %s --fathom-convert-deepseek-to-structured --fathom-convert-deepseek-to-structured | FileCheck %s

module attributes {deepseek.model = {family = "deepseek_v3", vocabulary = 8 : i64, hidden = 6 : i64, layers = 2 : i64, max_context = 16 : i64,
                                     bos_token = 0 : i64, eos_tokens = array<i64: 1>},
                   plan.stores = [#plan.store<"latent", layers = 2, width = 5, offset = 0>]} {
// Any order of rows and columns: a map.
// CHECK-LABEL: func.func @select_rows(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[R:.*]]: tensor<?xi32>)
func.func @select_rows(%x: tensor<?x8xf32>, %rows: tensor<?xi32>) -> tensor<?x8xf32> {
  // CHECK: %[[N:.*]] = tensor.dim %[[R]], %{{.*}} : tensor<?xi32>
  // CHECK: %[[E:.*]] = tensor.empty(%[[N]]) : tensor<?x8xf32>
  // CHECK: %[[Y:.*]] = linalg.generic {{.*}} outs(%[[E]] : tensor<?x8xf32>)
  // CHECK: %[[T:.*]] = linalg.index 0 : index
  // CHECK: %[[I:.*]] = linalg.index 1 : index
  // CHECK: %[[ID:.*]] = tensor.extract %[[R]][%[[T]]] : tensor<?xi32>
  // CHECK: %[[ROW:.*]] = arith.index_cast %[[ID]] : i32 to index
  // CHECK: %[[V:.*]] = tensor.extract %[[X]][%[[ROW]], %[[I]]] : tensor<?x8xf32>
  // CHECK: linalg.yield %[[V]] : f32
  // CHECK: return %[[Y]]
  %y = deepseek.select_rows %x, %rows : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// A sum runs in eight chains, added in pairs, and what is left one by one.
// CHECK-LABEL: func.func @rms_norm(
// CHECK-SAME: %[[X:.*]]: tensor<?x10xf32>, %[[W:.*]]: tensor<10xbf16>)
func.func @rms_norm(%x: tensor<?x10xf32>, %w: tensor<10xbf16>) -> tensor<?x10xf32> {
  // CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
  // CHECK-DAG: %[[C10:.*]] = arith.constant 10 : index
  // CHECK-DAG: %[[EPS:.*]] = arith.constant 5.000000e-01 : f32
  // CHECK-DAG: %[[WIDTH:.*]] = arith.constant 1.000000e+01 : f32
  // CHECK: %[[FACTORS:.*]] = linalg.generic
  // CHECK: %[[CHAINS:.*]]:8 = scf.for %{{.*}} = %{{.*}} to %[[C8]] step %[[C8]]
  // CHECK: %[[A:.*]] = arith.addf %[[CHAINS]]#0, %[[CHAINS]]#4 : f32
  // CHECK: %[[SQUARES:.*]] = scf.for %{{.*}} = %[[C8]] to %[[C10]]
  // CHECK: %[[MEAN:.*]] = arith.divf %[[SQUARES]], %[[WIDTH]] : f32
  // CHECK: %[[SUM:.*]] = arith.addf %[[MEAN]], %[[EPS]] : f32
  // CHECK: math.sqrt %[[SUM]] : f32
  // CHECK: linalg.generic
  // CHECK: %[[U:.*]] = tensor.extract %[[X]]
  // CHECK: %[[F:.*]] = tensor.extract %[[FACTORS]]
  // CHECK: %[[S:.*]] = arith.mulf %[[U]], %[[F]] : f32
  // CHECK: %[[STORED:.*]] = tensor.extract %[[W]]
  // CHECK: %[[BITS:.*]] = arith.bitcast %[[STORED]] : bf16 to i16
  // CHECK: arith.shli
  // CHECK: %[[V:.*]] = arith.bitcast %{{.*}} : i32 to f32
  // CHECK: arith.mulf %[[S]], %[[V]] : f32
  %y = deepseek.rms_norm %x, %w eps 0.5 : tensor<?x10xf32>, tensor<10xbf16>
  return %y : tensor<?x10xf32>
}

// Each group of columns has its factor, and all have the weight.
// CHECK-LABEL: func.func @norm_of_groups(
// CHECK-SAME: %[[X:.*]]: tensor<?x12xf32>, %[[W:.*]]: tensor<4xf32>)
func.func @norm_of_groups(%x: tensor<?x12xf32>, %w: tensor<4xf32>) -> tensor<?x12xf32> {
  // CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
  // CHECK: %[[FACTORS:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x3xf32>)
  // CHECK: linalg.generic
  // CHECK: %[[COLUMN:.*]] = linalg.index 1 : index
  // CHECK: %[[GROUP:.*]] = arith.divui %[[COLUMN]], %[[C4]] : index
  // CHECK: tensor.extract %[[FACTORS]][%{{.*}}, %[[GROUP]]] : tensor<?x3xf32>
  // CHECK: %[[PLACE:.*]] = arith.remui %[[COLUMN]], %[[C4]] : index
  // CHECK: tensor.extract %[[W]][%[[PLACE]]] : tensor<4xf32>
  %y = deepseek.rms_norm %x, %w eps 0.5 : tensor<?x12xf32>, tensor<4xf32>
  return %y : tensor<?x12xf32>
}

// Rows of the result in turn, its outputs side by side; the epilogue takes each sum.
// CHECK-LABEL: func.func @linear(
// CHECK-SAME: %[[X:.*]]: tensor<?x3xf32>, %[[W:.*]]: tensor<2x3xbf16>, %[[R:.*]]: tensor<?x2xf32>)
func.func @linear(%x: tensor<?x3xf32>, %w: tensor<2x3xbf16>, %r: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
  // CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
  // CHECK: %[[Y:.*]] = scf.for %[[T:[^ ]*]] = %[[C0]] to %{{.*}} step %[[C1]] iter_args(%[[OUT:.*]] = %{{.*}})
  // CHECK: %[[SUMS:.*]]:2 = scf.for %[[K:[^ ]*]] = %[[C0]] to %[[C3]] step %[[C1]] iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}})
  // CHECK: %[[IN:.*]] = tensor.extract %[[X]][%[[T]], %[[K]]] : tensor<?x3xf32>
  // CHECK: %[[STORED:.*]] = tensor.extract %[[W]][%[[C0]], %[[K]]] : tensor<2x3xbf16>
  // CHECK: %[[BITS:.*]] = arith.bitcast %[[STORED]] : bf16 to i16
  // CHECK: arith.shli
  // CHECK: %[[V:.*]] = arith.bitcast %{{.*}} : i32 to f32
  // CHECK: math.fma %[[IN]], %[[V]], %[[A]] : f32
  // CHECK: tensor.extract %[[W]][%[[C1]], %[[K]]] : tensor<2x3xbf16>
  // CHECK: math.fma %[[IN]], %{{.*}}, %[[B]] : f32
  // CHECK: %[[E:.*]] = tensor.extract %[[R]][%[[T]], %[[C0]]] : tensor<?x2xf32>
  // CHECK: %[[FIRST:.*]] = arith.addf %[[SUMS]]#0, %[[E]] : f32
  // CHECK: tensor.insert %[[FIRST]] into %[[OUT]][%[[T]], %[[C0]]] : tensor<?x2xf32>
  // CHECK: arith.addf %[[SUMS]]#1,
  // CHECK: return %[[Y]]
  %y = deepseek.linear %x, %w epilogue(%r) {
  ^bb0(%s: f32, %e: f32):
    %0 = arith.addf %s, %e : f32
    deepseek.yield %0 : f32
  } : (tensor<?x3xf32>, tensor<2x3xbf16>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// A bias is read by the output and added to its sum, an extra of one row likewise.
// CHECK-LABEL: func.func @bias(
// CHECK-SAME: %[[X:.*]]: tensor<?x3xf32>, %[[W:.*]]: tensor<1x3xbf16>, %[[B:.*]]: tensor<1xbf16>, %[[E:.*]]: tensor<1xf32>)
func.func @bias(%x: tensor<?x3xf32>, %w: tensor<1x3xbf16>, %b: tensor<1xbf16>, %e: tensor<1xf32>) -> tensor<?x1xf32> {
  // CHECK: scf.for
  // CHECK: %[[SUM:.*]] = scf.for
  // CHECK: math.fma
  // CHECK: %[[STORED:.*]] = tensor.extract %[[B]][%[[N:.*]]] : tensor<1xbf16>
  // CHECK: %[[BITS:.*]] = arith.bitcast %[[STORED]] : bf16 to i16
  // CHECK: arith.shli
  // CHECK: %[[V:.*]] = arith.bitcast %{{.*}} : i32 to f32
  // CHECK: %[[BIASED:.*]] = arith.addf %[[SUM]], %[[V]] : f32
  // CHECK: %[[EXTRA:.*]] = tensor.extract %[[E]][%[[N]]] : tensor<1xf32>
  // CHECK: arith.mulf %[[BIASED]], %[[EXTRA]] : f32
  %y = deepseek.linear %x, %w bias %b epilogue(%e) {
  ^bb0(%s: f32, %f: f32):
    %0 = arith.mulf %s, %f : f32
    deepseek.yield %0 : f32
  } : (tensor<?x3xf32>, tensor<1x3xbf16>, tensor<1xbf16>, tensor<1xf32>) -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}

// A code is decoded by its bits and multiplied by the scale of its block.
// CHECK-LABEL: func.func @quantized(
// CHECK-SAME: %[[W:[^ ]*]]: tensor<1x256xf8E4M3FN>, %[[S:.*]]: tensor<1x2xf32>)
func.func @quantized(%x: tensor<?x256xf32>, %w: tensor<1x256xf8E4M3FN>, %s: tensor<1x2xf32>) -> tensor<?x1xf32> {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[C128:.*]] = arith.constant 128 : index
  // CHECK: %[[CODE:.*]] = tensor.extract %[[W]][%[[C0]], %[[K:.*]]] : tensor<1x256xf8E4M3FN>
  // CHECK: %[[BYTE:.*]] = arith.bitcast %[[CODE]] : f8E4M3FN to i8
  // CHECK: arith.extui %[[BYTE]] : i8 to i32
  // CHECK: %[[SIGNED:.*]] = arith.ori
  // CHECK: %[[V:.*]] = arith.bitcast %[[SIGNED]] : i32 to f32
  // CHECK: %[[COLUMN:.*]] = arith.divui %[[K]], %[[C128]] : index
  // CHECK: %[[SCALE:.*]] = tensor.extract %[[S]][%[[C0]], %[[COLUMN]]] : tensor<1x2xf32>
  // CHECK: %[[SCALED:.*]] = arith.mulf %[[V]], %[[SCALE]] : f32
  // CHECK: math.fma %{{.*}}, %[[SCALED]],
  %y = deepseek.linear %x, %w scale %s <128 x 128>
      : (tensor<?x256xf32>, tensor<1x256xf8E4M3FN>, tensor<1x2xf32>) -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}

// A layout does not change what a weight is: eight outputs at a time, and then the rest.
// CHECK-LABEL: func.func @panels(
// CHECK-SAME: %[[W:[^ ]*]]: tensor<41x3xbf16, #deepseek.layout<panels = 32>>)
func.func @panels(%x: tensor<?x3xf32>, %w: tensor<41x3xbf16, #deepseek.layout<panels = 32>>) -> tensor<?x41xf32> {
  // CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
  // CHECK-DAG: %[[C40:.*]] = arith.constant 40 : index
  // CHECK: scf.for %[[N:[^ ]*]] = %{{.*}} to %[[C40]] step %[[C8]]
  // CHECK: %{{.*}}:8 = scf.for %[[K:[^ ]*]] =
  // CHECK: tensor.extract %[[W]][%[[N]], %[[K]]] : tensor<41x3xbf16, #deepseek.layout<panels = 32>>
  // CHECK: tensor.extract %[[W]][%[[C40]], %{{.*}}] : tensor<41x3xbf16, #deepseek.layout<panels = 32>>
  %y = deepseek.linear %x, %w : (tensor<?x3xf32>, tensor<41x3xbf16, #deepseek.layout<panels = 32>>) -> tensor<?x41xf32>
  return %y : tensor<?x41xf32>
}

// Ups come after gates.
// CHECK-LABEL: func.func @linear_swiglu(
// CHECK-SAME: %[[W:[^ ]*]]: tensor<2x3xbf16>)
func.func @linear_swiglu(%x: tensor<?x3xf32>, %w: tensor<2x3xbf16>) -> tensor<?x1xf32> {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
  // CHECK: %[[SUMS:.*]]:2 = scf.for
  // CHECK: tensor.extract %[[W]][%[[C0]],
  // CHECK: tensor.extract %[[W]][%[[C1]],
  // CHECK: %[[MINUS:.*]] = arith.negf %[[SUMS]]#0 : f32
  // CHECK: math.exp %[[MINUS]] : f32
  // CHECK: %[[SILU:.*]] = arith.divf %[[SUMS]]#0,
  // CHECK: arith.mulf %[[SILU]], %[[SUMS]]#1 : f32
  %y = deepseek.linear_swiglu %x, %w : (tensor<?x3xf32>, tensor<2x3xbf16>) -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}

// The bias counts for the choice; weights are scores without it, or NaN if a choice is.
// CHECK-LABEL: func.func @gate(
// CHECK-SAME: %[[X:.*]]: tensor<?x6xf32>, %[[B:.*]]: tensor<6xf32>)
func.func @gate(%x: tensor<?x6xf32>, %b: tensor<6xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  // CHECK: %[[SCORES:.*]] = linalg.generic
  // CHECK: math.exp
  // CHECK: %[[CHOICES:.*]] = linalg.generic
  // CHECK: %[[BIAS:.*]] = tensor.extract %[[B]]
  // CHECK: arith.addf %{{.*}}, %[[BIAS]] : f32
  // CHECK: %[[BOTH:.*]]:2 = scf.for
  // CHECK: tensor.extract %[[CHOICES]]
  // CHECK: %[[SCORE:.*]] = tensor.extract %[[SCORES]]
  // CHECK: tensor.insert %[[SCORE]]
  // CHECK: %[[LOST:.*]] = linalg.generic
  // CHECK: %[[CHOICE:.*]] = tensor.extract %[[CHOICES]]
  // CHECK: arith.cmpf oeq, %[[CHOICE]], %[[CHOICE]] : f32
  // CHECK: %[[FACTORS:.*]] = linalg.generic
  // CHECK: %[[WEIGHTS:.*]] = linalg.generic
  // CHECK: tensor.extract %[[BOTH]]#1
  // CHECK: tensor.extract %[[FACTORS]]
  // CHECK: tensor.extract %[[LOST]]
  // CHECK: return %[[BOTH]]#0, %[[WEIGHTS]]
  %i, %w = deepseek.moe_gate %x bias %b <sigmoid, none, top_k = 2>
      : (tensor<?x6xf32>, tensor<6xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
}

// An expert's weight is looked up in the table of its layer, and its slots say which rows it reads.
// CHECK-LABEL: func.func @grouped(
// CHECK-SAME: %[[X:.*]]: tensor<?x3xf32>, %[[O:.*]]: tensor<3xi32>, %[[R:.*]]: tensor<?xi32>, %[[TABLE:.*]]: !plan.table<memref<1x3xbf16>>)
func.func @grouped(%x: tensor<?x3xf32>, %o: tensor<3xi32>, %r: tensor<?xi32>, %table: !plan.table<memref<1x3xbf16>>)
    -> tensor<?x1xf32> {
  %w = builtin.unrealized_conversion_cast %table : !plan.table<memref<1x3xbf16>> to tensor<2x1x3xbf16>
  // CHECK: scf.for %[[E:[^ ]*]] =
  // CHECK: %[[W:.*]] = plan.expert %[[TABLE]][%[[E]]] : <memref<1x3xbf16>> -> memref<1x3xbf16>
  // CHECK: %[[BEGIN:.*]] = tensor.extract %[[O]][%[[E]]] : tensor<3xi32>
  // CHECK: %[[FROM:.*]] = arith.index_cast %[[BEGIN]] : i32 to index
  // CHECK: scf.for %[[SLOT:[^ ]*]] = %[[FROM]] to
  // CHECK: %[[SOURCE:.*]] = tensor.extract %[[R]][%[[SLOT]]] : tensor<?xi32>
  // CHECK: %[[ROW:.*]] = arith.index_cast %[[SOURCE]] : i32 to index
  // CHECK: tensor.extract %[[X]][%[[ROW]], %{{.*}}] : tensor<?x3xf32>
  // CHECK: memref.load %[[W]][%{{.*}}, %{{.*}}] : memref<1x3xbf16>
  %y = deepseek.moe_linear gather %x, %o, %r, %w top_k 2
      : (tensor<?x3xf32>, tensor<3xi32>, tensor<?xi32>, tensor<2x1x3xbf16>) -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}

// Of a stack in memory, an expert is a first index.
// CHECK-LABEL: func.func @stacked(
// CHECK-SAME: %[[STACK:[^:]*]]: memref<2x1x3xbf16>)
func.func @stacked(%x: tensor<?x3xf32>, %o: tensor<3xi32>, %r: tensor<?xi32>, %stack: memref<2x1x3xbf16>)
    -> tensor<?x1xf32> {
  %w = bufferization.to_tensor %stack restrict : memref<2x1x3xbf16> to tensor<2x1x3xbf16>
  // CHECK: scf.for %[[E:[^ ]*]] =
  // CHECK: memref.load %[[STACK]][%[[E]], %{{.*}}, %{{.*}}] : memref<2x1x3xbf16>
  %y = deepseek.moe_linear gather %x, %o, %r, %w top_k 2
      : (tensor<?x3xf32>, tensor<3xi32>, tensor<?xi32>, tensor<2x1x3xbf16>) -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}

// All of the experts' network: permutation, products, SwiGLU and the weighted sum.
// CHECK-LABEL: func.func @experts(
// CHECK-NOT: deepseek
// CHECK: return
func.func @experts(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %g: tensor<6x4x8xbf16>,
                   %d: tensor<6x8x4xbf16>) -> tensor<?x8xf32> {
  %y = deepseek.moe_experts %x, %i, %w, %g, %g, %d
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<6x4x8xbf16>, tensor<6x4x8xbf16>,
         tensor<6x8x4xbf16>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The latent first, then the key, in the row of the token's position.
// CHECK-LABEL: func.func @cache_append(
// CHECK-SAME: %[[TASK:.*]]: !plan.task, %[[ITEM:.*]]: index, %[[LATENT:.*]]: tensor<?x3xf32>, %[[KEY:.*]]: tensor<?x2xf32>, %[[P:.*]]: tensor<?xi32>, %[[L:.*]]: index)
func.func @cache_append(%task: !plan.task, %item: index, %latent: tensor<?x3xf32>, %key: tensor<?x2xf32>, %p: tensor<?xi32>,
                        %l: index) {
  // CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
  // CHECK: scf.for %[[T:[^ ]*]] =
  // CHECK: %[[ID:.*]] = tensor.extract %[[P]][%[[T]]] : tensor<?xi32>
  // CHECK: %[[POSITION:.*]] = arith.index_cast %[[ID]] : i32 to index
  // CHECK: %[[OF:.*]] = arith.addi %[[ITEM]], %[[T]] : index
  // CHECK: %[[ROW:.*]] = plan.cache_row "latent" of %[[TASK]][%[[OF]]] at %[[POSITION]] layer %[[L]] : memref<5xf32>
  // CHECK: scf.for %[[I:[^ ]*]] =
  // CHECK: %[[C:.*]] = tensor.extract %[[LATENT]][%[[T]], %[[I]]]
  // CHECK: memref.store %[[C]], %[[ROW]][%[[I]]] : memref<5xf32>
  // CHECK: scf.for %[[J:[^ ]*]] =
  // CHECK: %[[K:.*]] = tensor.extract %[[KEY]][%[[T]], %[[J]]]
  // CHECK: %[[COLUMN:.*]] = arith.addi %[[J]], %[[C3]] : index
  // CHECK: memref.store %[[K]], %[[ROW]][%[[COLUMN]]] : memref<5xf32>
  %c = builtin.unrealized_conversion_cast %task : !plan.task to !deepseek.cache<latent: 5 x f32>
  %d = deepseek.cache_append %c["latent"][%l], %latent, %key at %p
      : !deepseek.cache<latent: 5 x f32>, tensor<?x3xf32>, tensor<?x2xf32> at tensor<?xi32>
  return
}
}
