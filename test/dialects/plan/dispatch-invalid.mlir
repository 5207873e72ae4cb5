// Dispatches and kernels that do not fit each other.
// RUN: fathom-opt %s --split-input-file --verify-diagnostics

func.func @unknown_kernel(%call: !plan.call, %i: index, %x: memref<4xf32>) {
  // expected-error @+1 {{'plan.dispatch' op expects a plan.kernel, but got unknown symbol @k}}
  plan.dispatch @k of %call rows %i layer %i ins(%x : memref<4xf32>)
  return
}

// -----

plan.kernel @k = "kernel" operands 2 constants []
func.func @operands(%call: !plan.call, %i: index, %x: memref<4xf32>) {
  // expected-error @+1 {{'plan.dispatch' op expects 2 inputs and outputs and 0 extras for @k, but got 1 and 0}}
  plan.dispatch @k of %call rows %i layer %i ins(%x : memref<4xf32>)
  return
}

// -----

plan.kernel @k = "kernel" operands 1 constants [] {
^bb0(%sum: f32, %extra: f32):
  plan.yield %sum
}
func.func @extras(%call: !plan.call, %i: index, %x: memref<4xf32>) {
  // expected-error @+1 {{'plan.dispatch' op expects 1 inputs and outputs and 1 extras for @k, but got 1 and 0}}
  plan.dispatch @k of %call rows %i layer %i ins(%x : memref<4xf32>)
  return
}

// -----

// expected-error @+1 {{'plan.kernel' op expects an epilogue of f32 arguments that ends with plan.yield}}
plan.kernel @k = "kernel" operands 1 constants [] {
^bb0(%sum: i32):
  %zero = arith.constant 0.0 : f32
  plan.yield %zero
}

// -----

plan.kernel @k = "kernel" operands 1 constants [] {
^bb0(%sum: f32, %extra: f32):
  plan.yield %sum
}
func.func @extra_c2(%call: !plan.call, %i: index, %x: memref<?xf32>) {
  // expected-error @+1 {{'plan.dispatch' op expects f32 or bf16 rows of a static width, but got 'memref<?xf32>'}}
  plan.dispatch @k of %call rows %i layer %i outs(%x : memref<?xf32>) extras(%x : memref<?xf32>)
  return
}

// -----

plan.kernel @k = "kernel" operands 1 constants [] {
^bb0(%sum: f32, %extra: f32):
  plan.yield %sum
}
func.func @extra_c2_type(%call: !plan.call, %i: index, %x: memref<4xf32>, %b: memref<4xi32>) {
  // expected-error @+1 {{'plan.dispatch' op expects f32 or bf16 rows of a static width, but got 'memref<4xi32>'}}
  plan.dispatch @k of %call rows %i layer %i outs(%x : memref<4xf32>) extras(%b : memref<4xi32>)
  return
}

// -----

plan.kernel @k = "kernel" operands 1 constants [] {
^bb0(%sum: f32, %extra: f32):
  plan.yield %sum
}
func.func @columns(%call: !plan.call, %i: index, %x: memref<?x4xf32>, %c: memref<?x4xf32, strided<[8, 1], offset: 4>>) {
  // expected-error @+1 {{'plan.dispatch' op operand #4 must be variadic of contiguous memref of numbers, but got 'memref<?x4xf32, strided<[8, 1], offset: 4>>'}}
  plan.dispatch @k of %call rows %i layer %i outs(%x : memref<?x4xf32>) extras(%c : memref<?x4xf32, strided<[8, 1], offset: 4>>)
  return
}

// -----

plan.kernel @k = "kernel" operands 1 constants []
func.func @unknown_store(%call: !plan.call, %i: index, %x: memref<4xf32>) {
  // expected-error @+1 {{'plan.dispatch' op expects stores of 'plan.stores', but got "latent"}}
  plan.dispatch @k of %call rows %i layer %i ins(%x : memref<4xf32>) reads ["latent"]
  return
}

// -----

func.func @generated(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
  %x = plan.operand 1 of %task at %item factor 1 : memref<1x8xf32>
  return
}
func.func @generated_c3_missing(%call: !plan.call, %i: index, %x: memref<?x8xf32>) {
  // expected-error @+1 {{'plan.dispatch' op expects an operand 1 for @generated}}
  plan.dispatch @generated of %call rows %i layer %i outs(%x : memref<?x8xf32>)
  return
}

// -----

func.func @generated(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
  %x = plan.operand 0 of %task at %item factor 1 : memref<1x8xf32>
  return
}
func.func @generated_c3_type(%call: !plan.call, %i: index, %x: memref<?x9xf32>) {
  // expected-error @+1 {{'plan.dispatch' op expects 'memref<1x8xf32>' as operand 0, but got 'memref<?x9xf32>'}}
  plan.dispatch @generated of %call rows %i layer %i ins(%x : memref<?x9xf32>)
  return
}

// -----

func.func @function(%call: !plan.call) {
  return
}
func.func @function_of_no_task(%call: !plan.call, %i: index, %x: memref<4xf32>) {
  // expected-error @+1 {{'plan.dispatch' op expects a plan.kernel, but got unknown symbol @function}}
  plan.dispatch @function of %call rows %i layer %i ins(%x : memref<4xf32>)
  return
}
