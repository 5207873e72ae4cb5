// Columns side by side are loops where all inputs are as wide, which is all that models have; others stay.
// RUN: fathom-opt %s --fathom-convert-deepseek-to-structured | FileCheck %s

// CHECK-LABEL: func.func @alike(
// CHECK-SAME: %[[A:.*]]: tensor<?x8xf32>, %[[B:.*]]: tensor<?x8xf32>)
// CHECK: linalg.generic
// CHECK: %[[LEFT:.*]] = tensor.extract %[[A]]
// CHECK: %[[RIGHT:.*]] = tensor.extract %[[B]]
// CHECK: arith.select %{{.*}}, %[[RIGHT]], %[[LEFT]]
// CHECK-NOT: tensor.concat
func.func @alike(%a: tensor<?x8xf32>, %b: tensor<?x8xf32>) -> tensor<?x16xf32> {
  %c = tensor.concat dim(1) %a, %b : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
  return %c : tensor<?x16xf32>
}

// CHECK-LABEL: func.func @other(
// CHECK: tensor.concat dim(1)
// CHECK: tensor.concat dim(0)
func.func @other(%a: tensor<?x8xf32>, %b: tensor<?x4xf32>) -> (tensor<?x12xf32>, tensor<?x8xf32>) {
  %c = tensor.concat dim(1) %a, %b : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x12xf32>
  %d = tensor.concat dim(0) %a, %a : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %c, %d : tensor<?x12xf32>, tensor<?x8xf32>
}
