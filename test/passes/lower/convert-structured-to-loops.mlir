// Functions on tensors become loops on memory.
// RUN: fathom-opt %s --fathom-convert-structured-to-loops | FileCheck %s
// RUN: fathom-opt %s --fathom-convert-structured-to-loops --fathom-convert-structured-to-loops | FileCheck %s

// What the temporaries below need together.
// CHECK: module attributes {plan.scratch_bytes = 2176 : i64}

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

// Temporaries have places in the thread's scratch memory, one place where they are not alive together. 1 KiB is the most
// that lives on the stack.
// CHECK-LABEL: func.func @temporaries(
// CHECK-SAME: %{{.*}}: !plan.task, %{{.*}}: index, %[[SCRATCH:.*]]: !plan.scratch)
func.func @temporaries(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
  // CHECK-DAG: memref.alloca() {{.*}}: memref<256xf32>
  // CHECK-DAG: plan.temporary of %[[SCRATCH]] offset 0 : memref<257xf32>
  // CHECK-DAG: plan.temporary of %[[SCRATCH]] offset 1088 : memref<258xf32>
  // CHECK-DAG: plan.temporary of %[[SCRATCH]] offset 0 : memref<259xf32>
  // CHECK-NOT: memref.alloc(
  // CHECK: return
  %out = plan.operand 0 of %task at %item factor 1 : memref<1xf32>
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %small = tensor.empty() : tensor<256xf32>
  %first = tensor.empty() : tensor<257xf32>
  %second = tensor.empty() : tensor<258xf32>
  %third = tensor.empty() : tensor<259xf32>
  %a = linalg.fill ins(%zero : f32) outs(%small : tensor<256xf32>) -> tensor<256xf32>
  %b = linalg.fill ins(%zero : f32) outs(%first : tensor<257xf32>) -> tensor<257xf32>
  %c = linalg.fill ins(%zero : f32) outs(%second : tensor<258xf32>) -> tensor<258xf32>
  %u = tensor.extract %a[%item] : tensor<256xf32>
  %v = tensor.extract %b[%item] : tensor<257xf32>
  %w = tensor.extract %c[%item] : tensor<258xf32>
  %sum = arith.addf %u, %v : f32
  %more = arith.addf %sum, %w : f32
  %d = linalg.fill ins(%more : f32) outs(%third : tensor<259xf32>) -> tensor<259xf32>
  %x = tensor.extract %d[%item] : tensor<259xf32>
  memref.store %x, %out[%c0] : memref<1xf32>
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
