// RUN: fathom-opt %s --fathom-convert-functions-to-llvm | FileCheck %s

// Inputs and sizes, weights, and where outputs go are fields of the call; memory comes from it, and may be missing.
// CHECK-DAG: llvm.mlir.global internal constant @{{.*}}("not enough memory\00")
// CHECK-DAG: llvm.mlir.global internal constant @{{.*}}("is too long\00")
// CHECK-NOT: @weight.0
// CHECK-LABEL: llvm.func @main.call
// CHECK-SAME: (%[[CALL:.*]]: !llvm.ptr) -> !llvm.ptr
// CHECK: llvm.getelementptr %[[CALL]][8]
// CHECK: llvm.getelementptr %[[CALL]][32]
// CHECK: llvm.cond_br %{{.*}}, ^{{.*}}, ^{{.*}}
// CHECK: llvm.intr.umul.with.overflow
// CHECK: llvm.getelementptr %[[CALL]][40]
// CHECK: llvm.call %{{.*}}(%[[CALL]], %{{.*}})
// Loops are functions of their own, of items from a first to an end.
// CHECK: %[[NEST:.*]] = llvm.mlir.addressof @main.nest.0
// CHECK: llvm.getelementptr %[[CALL]][56]
// CHECK: llvm.call %{{.*}}(%[[CALL]], %[[NEST]], %{{.*}}, %{{.*}}, %{{.*}})
// CHECK-NOT: llvm.fadd
// CHECK: llvm.getelementptr %[[CALL]][16]
// CHECK: llvm.getelementptr %[[CALL]][24]
// CHECK-LABEL: llvm.func @main.nest.0
// CHECK-SAME: (%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64) -> !llvm.ptr
// CHECK: llvm.fadd
memref.global "private" @weight.0 : memref<4xf32>
func.func @main(%x: memref<?xf32>) -> memref<?xf32> {
  %c0 = arith.constant 0 : index
  %c9 = arith.constant 9 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %short = arith.cmpi slt, %n, %c9 : index
  cf.assert %short, "is too long"
  %w = memref.get_global @weight.0 : memref<4xf32>
  %first = memref.load %w[%c0] : memref<4xf32>
  %in = bufferization.to_tensor %x restrict : memref<?xf32> to tensor<?xf32>
  %empty = tensor.empty(%n) : tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%in : tensor<?xf32>) outs(%empty : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %sum = arith.addf %a, %first : f32
    linalg.yield %sum : f32
  } -> tensor<?xf32>
  %out = bufferization.to_buffer %y : tensor<?xf32> to memref<?xf32>
  return %out : memref<?xf32>
}
