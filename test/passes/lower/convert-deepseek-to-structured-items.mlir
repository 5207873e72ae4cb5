// What the item of a generated function computes: outputs of a product, with vectors where the weight is memory.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-structured --split-input-file | FileCheck %s

// Eight outputs of four rows at a time, then of those that are left; the sums of outputs are lanes.
// CHECK-LABEL: func.func @linear(
// CHECK-SAME: %[[TASK:.*]]: !plan.task, %[[ITEM:.*]]: index,
func.func @linear(%task: !plan.task, %item: index, %scratch: !plan.scratch) attributes {plan.items = 2 : i64} {
  // CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
  // CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
  // CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
  // CHECK-DAG: %[[C17:.*]] = arith.constant 17 : index
  // CHECK-DAG: %[[C32:.*]] = arith.constant 32 : index
  // CHECK: %[[W:.*]] = plan.operand 1 of %[[TASK]] : memref<40x17xbf16>
  // CHECK: %[[FROM:.*]] = arith.muli %[[ITEM]], %[[C32]] : index
  // CHECK: arith.addi %[[FROM]], %[[C32]] : index
  // CHECK: scf.for %[[FIRST:[^ ]*]] = %[[FROM]] to %{{.*}} step %[[C8]]
  // CHECK: scf.for %{{.*}} step %[[C4]]
  // CHECK: %[[SUMS:.*]]:4 = scf.for %[[K:[^ ]*]] = %{{.*}} to %[[C16]] step %[[C8]] {{.*}} -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
  // CHECK: %[[STORED:.*]] = vector.load %[[W]][%[[FIRST]], %[[K]]] : memref<40x17xbf16>, vector<8xbf16>
  // CHECK: arith.bitcast %[[STORED]] : vector<8xbf16> to vector<8xi16>
  // CHECK: vector.shuffle %{{.*}} [0, 1, 2, 3, 8, 9, 10, 11]
  // CHECK: vector.shuffle %{{.*}} [4, 5, 6, 7, 12, 13, 14, 15]
  // CHECK: math.fma %{{.*}} : vector<8xf32>
  // CHECK: vector.extract %[[SUMS]]#0[0]
  // CHECK: scf.for %{{.*}} = %[[C16]] to %[[C17]]
  // CHECK: memref.load %[[W]]
  // CHECK: math.fma %{{.*}} : f32
  // CHECK: tensor.insert
  %x = plan.operand 0 of %task factor 1 : memref<?x17xf32>
  %w = plan.operand 1 of %task : memref<40x17xbf16>
  %y = plan.operand 2 of %task factor 1 : memref<?x40xf32>
  %0 = bufferization.to_tensor %x restrict : memref<?x17xf32> to tensor<?x17xf32>
  %1 = bufferization.to_tensor %w restrict : memref<40x17xbf16> to tensor<40x17xbf16>
  %2 = deepseek.linear %0, %1 : (tensor<?x17xf32>, tensor<40x17xbf16>) -> tensor<?x40xf32>
  bufferization.materialize_in_destination %2 in restrict writable %y : (tensor<?x40xf32>, memref<?x40xf32>) -> ()
  return
}

// -----

// Scales that change within eight inputs are read one by one.
// CHECK-LABEL: func.func @small_blocks(
// CHECK-NOT: vector
// CHECK: return
func.func @small_blocks(%task: !plan.task, %item: index, %scratch: !plan.scratch) attributes {plan.items = 1 : i64} {
  %x = plan.operand 0 of %task factor 1 : memref<?x16xf32>
  %w = plan.operand 1 of %task : memref<8x16xf8E4M3FN>
  %s = plan.operand 2 of %task : memref<1x4xf32>
  %y = plan.operand 3 of %task factor 1 : memref<?x8xf32>
  %0 = bufferization.to_tensor %x restrict : memref<?x16xf32> to tensor<?x16xf32>
  %1 = bufferization.to_tensor %w restrict : memref<8x16xf8E4M3FN> to tensor<8x16xf8E4M3FN>
  %2 = bufferization.to_tensor %s restrict : memref<1x4xf32> to tensor<1x4xf32>
  %3 = deepseek.linear %0, %1 scale %2 <128 x 4>
      : (tensor<?x16xf32>, tensor<8x16xf8E4M3FN>, tensor<1x4xf32>) -> tensor<?x8xf32>
  bufferization.materialize_in_destination %3 in restrict writable %y : (tensor<?x8xf32>, memref<?x8xf32>) -> ()
  return
}
