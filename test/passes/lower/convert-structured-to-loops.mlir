// Functions on tensors become loops on memory.
// RUN: fathom-opt %s --fathom-convert-structured-to-loops | FileCheck %s

// CHECK-LABEL: func.func @negate(
// CHECK-SAME: %[[IN:.*]]: memref<8xf32>, %[[OUT:.*]]: memref<8xf32>)
func.func @negate(%in: memref<8xf32>, %out: memref<8xf32>) {
  // CHECK-NOT: tensor
  // CHECK: scf.for %[[I:.*]] =
  // CHECK: %[[X:.*]] = memref.load %[[IN]][%[[I]]] : memref<8xf32>
  // CHECK: %[[Y:.*]] = arith.negf %[[X]] : f32
  // CHECK: memref.store %[[Y]], %[[OUT]][%[[I]]] : memref<8xf32>
  // CHECK-NOT: tensor
  // CHECK: return
  %x = bufferization.to_tensor %in restrict : memref<8xf32> to tensor<8xf32>
  %empty = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%empty : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  bufferization.materialize_in_destination %y in restrict writable %out : (tensor<8xf32>, memref<8xf32>) -> ()
  return
}
