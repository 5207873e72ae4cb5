// Functions on tensors become loops on memory.
// RUN: fathom-opt %s --fathom-convert-structured-to-loops | FileCheck %s
// RUN: fathom-opt %s --fathom-convert-structured-to-loops --fathom-convert-structured-to-loops | FileCheck %s

#row = affine_map<(i) -> (i)>

// The result is computed where it is wanted.
// CHECK-LABEL: func.func @in_place(
// CHECK-SAME: %[[IN:.*]]: memref<8xf32>, %[[OUT:.*]]: memref<8xf32>)
func.func @in_place(%in: memref<8xf32>, %out: memref<8xf32>) {
  // CHECK-NOT: {{tensor|alloc}}
  // CHECK: scf.for %[[I:[^ ]*]] =
  // CHECK-NEXT: %[[X:.*]] = memref.load %[[IN]][%[[I]]] : memref<8xf32>
  // CHECK-NEXT: %[[Y:.*]] = arith.negf %[[X]] : f32
  // CHECK-NEXT: memref.store %[[Y]], %[[OUT]][%[[I]]] : memref<8xf32>
  // CHECK-NEXT: }
  // CHECK-NEXT: return
  %x = bufferization.to_tensor %in restrict : memref<8xf32> to tensor<8xf32>
  %empty = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%empty : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  bufferization.materialize_in_destination %y in restrict writable %out : (tensor<8xf32>, memref<8xf32>) -> ()
  return
}

// A temporary of unknown size: the host's, through the call, and given back.
// CHECK-LABEL: func.func @host_memory(
// CHECK-SAME: %[[CALL:.*]]: !plan.call, %[[IN:.*]]: memref<?xf32>,
func.func @host_memory(%call: !plan.call, %in: memref<?xf32>, %out: memref<?xf32>, %n: index) {
  // CHECK-NOT: memref.alloc
  // CHECK: %[[M:.*]] = plan.allocate of %[[CALL]](%{{.*}}) : memref<?xf32>
  // CHECK: memref.store %{{.*}}, %[[M]]
  // CHECK: plan.deallocate of %[[CALL]] %[[M]] : memref<?xf32>
  // CHECK-NEXT: return
  %x = bufferization.to_tensor %in restrict : memref<?xf32> to tensor<?xf32>
  %empty = tensor.empty(%n) : tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%empty : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<?xf32>
  %c0 = arith.constant 0 : index
  %v = tensor.extract %y[%c0] : tensor<?xf32>
  memref.store %v, %out[%c0] : memref<?xf32>
  return
}

// The same in a function that works for no call.
// CHECK-LABEL: func.func @own_memory(
func.func @own_memory(%in: memref<?xf32>, %out: memref<?xf32>, %n: index) {
  // CHECK: %[[M:.*]] = memref.alloc(%{{.*}}) {{.*}}: memref<?xf32>
  // CHECK: memref.dealloc %[[M]] : memref<?xf32>
  // CHECK-NEXT: return
  %x = bufferization.to_tensor %in restrict : memref<?xf32> to tensor<?xf32>
  %empty = tensor.empty(%n) : tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%empty : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<?xf32>
  %c0 = arith.constant 0 : index
  %v = tensor.extract %y[%c0] : tensor<?xf32>
  memref.store %v, %out[%c0] : memref<?xf32>
  return
}

// 1 KiB is the most that lives on the stack.
// CHECK-LABEL: func.func @stack(
func.func @stack(%call: !plan.call, %i: index, %out: memref<2xf32>) {
  // CHECK-DAG: memref.alloca() {{.*}}: memref<256xf32>
  // CHECK-DAG: plan.allocate of %{{.*}}() : memref<257xf32>
  // CHECK-NOT: memref.alloc(
  // CHECK: return
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %small = tensor.empty() : tensor<256xf32>
  %large = tensor.empty() : tensor<257xf32>
  %a = linalg.fill ins(%zero : f32) outs(%small : tensor<256xf32>) -> tensor<256xf32>
  %b = linalg.fill ins(%zero : f32) outs(%large : tensor<257xf32>) -> tensor<257xf32>
  %u = tensor.extract %a[%i] : tensor<256xf32>
  %v = tensor.extract %b[%i] : tensor<257xf32>
  memref.store %u, %out[%c0] : memref<2xf32>
  memref.store %v, %out[%c1] : memref<2xf32>
  return
}

// Memory that one path allocates is given back on it.
// CHECK-LABEL: func.func @one_path(
// CHECK-SAME: %[[CALL:.*]]: !plan.call,
func.func @one_path(%call: !plan.call, %condition: i1, %n: index, %out: memref<?xf32>) {
  // CHECK: scf.if
  // CHECK: %[[M:.*]] = plan.allocate of %[[CALL]]
  // CHECK: plan.deallocate of %[[CALL]] %[[M]]
  // CHECK: }
  // CHECK-NOT: plan.deallocate
  // CHECK: return
  %zero = arith.constant 0.0 : f32
  scf.if %condition {
    %empty = tensor.empty(%n) : tensor<?xf32>
    %a = linalg.fill ins(%zero : f32) outs(%empty : tensor<?xf32>) -> tensor<?xf32>
    %c0 = arith.constant 0 : index
    %v = tensor.extract %a[%c0] : tensor<?xf32>
    memref.store %v, %out[%c0] : memref<?xf32>
  }
  return
}

// Generated code calls no library.
// CHECK-LABEL: func.func @exp(
// CHECK-NOT: math.exp
// CHECK: math.fma
// CHECK-NOT: math.exp
// CHECK: return
func.func @exp(%in: memref<8xf32>, %out: memref<8xf32>) {
  %x = bufferization.to_tensor %in restrict : memref<8xf32> to tensor<8xf32>
  %empty = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%empty : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  bufferization.materialize_in_destination %y in restrict writable %out : (tensor<8xf32>, memref<8xf32>) -> ()
  return
}

// No tensors: not this pass's business.
// CHECK-LABEL: func.func @keeps_without_tensors(
// CHECK: %[[M:.*]] = memref.alloc() : memref<8xf32>
// CHECK: math.exp
// CHECK-NEXT: memref.store %{{.*}}, %[[M]]
// CHECK-NEXT: return
func.func @keeps_without_tensors(%call: !plan.call, %x: f32, %i: index) {
  %m = memref.alloc() : memref<8xf32>
  %y = math.exp %x : f32
  memref.store %y, %m[%i] : memref<8xf32>
  return
}

// Functions on memory take views apart as well: nothing later does.
// CHECK-LABEL: func.func @view(
// CHECK-SAME: %[[IN:.*]]: memref<?x8xf32>, %[[N:.*]]: index)
func.func @view(%in: memref<?x8xf32>, %n: index) -> memref<?x4xf32, strided<[8, 1], offset: 2>> {
  // CHECK-NOT: memref.subview
  // CHECK: memref.reinterpret_cast %{{.*}} to offset: [2], sizes: [%[[N]], 4], strides: [8, 1]
  %view = memref.subview %in[0, 2] [%n, 4] [1, 1] : memref<?x8xf32> to memref<?x4xf32, strided<[8, 1], offset: 2>>
  return %view : memref<?x4xf32, strided<[8, 1], offset: 2>>
}
