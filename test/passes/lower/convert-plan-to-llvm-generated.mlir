// A generated function becomes a task, which finds what it is given in the dispatch: an item its rows, and its cache.
// RUN: fathom-opt %s --fathom-convert-plan-to-llvm | FileCheck %s
// RUN: fathom-opt %s --fathom-convert-plan-to-llvm --fathom-convert-plan-to-llvm | FileCheck %s

module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 8, offset = 0>]} {
// CHECK-LABEL: llvm.func @rows.task(
// CHECK-SAME: %[[TASK:.*]]: !llvm.ptr, %[[ITEM:.*]]: i64, %[[SCRATCH:.*]]: !llvm.ptr)
func.func private @rows(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
  // CHECK: %[[BYTES:.*]] = llvm.mul %[[ITEM]], %{{.*}} : i64
  // CHECK: llvm.getelementptr %{{.*}}[%[[BYTES]]] : (!llvm.ptr, i64) -> !llvm.ptr, i8
  %x = plan.operand 0 of %task at %item factor 2 : memref<2x8xf32>
  %c0 = arith.constant 0 : index
  %l = plan.layer of %task
  // CHECK: llvm.getelementptr %[[SCRATCH]]
  %t = plan.temporary of %scratch offset 64 : memref<8xf32>
  // CHECK: llvm.call @fathom_generated_cache_row(%{{.*}}, %[[ITEM]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}})
  %c = plan.cache_row "latent" of %task[%item] at %c0 layer %l : memref<8xf32>
  %v = memref.load %x[%c0, %c0] : memref<2x8xf32>
  memref.store %v, %t[%c0] : memref<8xf32>
  memref.store %v, %c[%c0] : memref<8xf32>
  return
}

// CHECK-LABEL: llvm.func @parts.task(
func.func private @parts(%task: !plan.task, %item: index, %scratch: !plan.scratch) attributes {plan.items = 3 : i64} {
  // CHECK: llvm.load %{{.*}} : !llvm.ptr -> i64
  %x = plan.operand 0 of %task factor 2 : memref<?x8xf32>
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x8xf32>
  %i = arith.index_cast %n : index to i32
  %f = arith.sitofp %i : i32 to f32
  memref.store %f, %x[%c0, %c0] : memref<?x8xf32>
  return
}

// An item for each row, or as many as the function says.
// CHECK-LABEL: llvm.func @rows.items(
// CHECK-SAME: %[[ROWS:.*]]: i64) -> i64
// CHECK: llvm.return %[[ROWS]]
// CHECK-LABEL: llvm.func @parts.items(
// CHECK: %[[COUNT:.*]] = llvm.mlir.constant(3 : i64) : i64
// CHECK: llvm.return %[[COUNT]]
}
