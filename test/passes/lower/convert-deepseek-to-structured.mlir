// Compute ops become linalg, tensor, scf and arith.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-structured | FileCheck %s

// CHECK-LABEL: func.func @select_rows(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[R:.*]]: tensor<?xi32>)
func.func @select_rows(%x: tensor<?x8xf32>, %rows: tensor<?xi32>) -> tensor<?x8xf32> {
  // CHECK: %[[Y:.*]] = linalg.generic
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
