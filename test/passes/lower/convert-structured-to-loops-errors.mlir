// Temporaries that have no place.
// RUN: fathom-opt %s --fathom-convert-structured-to-loops --split-input-file --verify-diagnostics

func.func @unknown_size(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
  %out = plan.operand 0 of %task factor 1 : memref<?xf32>
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{'memref.alloc' op expects temporaries of a static shape, and a task that has them, but got 'memref<?xf32>'}}
  %empty = tensor.empty(%item) : tensor<?xf32>
  %a = linalg.fill ins(%zero : f32) outs(%empty : tensor<?xf32>) -> tensor<?xf32>
  %v = tensor.extract %a[%c0] : tensor<?xf32>
  memref.store %v, %out[%c0] : memref<?xf32>
  return
}

// -----

func.func @no_task(%i: index, %out: memref<1xf32>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{'memref.alloc' op expects temporaries of a static shape, and a task that has them, but got 'memref<257xf32>'}}
  %empty = tensor.empty() : tensor<257xf32>
  %a = linalg.fill ins(%zero : f32) outs(%empty : tensor<257xf32>) -> tensor<257xf32>
  %v = tensor.extract %a[%i] : tensor<257xf32>
  memref.store %v, %out[%c0] : memref<1xf32>
  return
}
