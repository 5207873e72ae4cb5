// Buffers share memory unless they are alive at the same time.
// RUN: fathom-opt %s --fathom-plan-buffers | FileCheck %s
// RUN: fathom-opt %s --fathom-plan-buffers --fathom-plan-buffers | FileCheck %s

plan.kernel @unary = "x86_f32_swiglu" operands 2 constants []
plan.kernel @binary = "x86_f32_swiglu" operands 3 constants []

// @c may have @a's place: nobody reads @a any more when it is written.
// CHECK-LABEL: func.func @shares
// CHECK-SAME: plan.arena_bytes = 256 : i64
func.func @shares(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
  // CHECK: %[[A:.*]] = plan.buffer {{.*}} bytes 128 offset 0
  %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
  // CHECK: %[[B:.*]] = plan.buffer {{.*}} bytes 128 offset 128
  %b = plan.buffer of %call bytes 128 : memref<4x8xf32>
  // CHECK: plan.buffer {{.*}} bytes 128 offset 0
  %c = plan.buffer of %call bytes 128 : memref<4x8xf32>
  plan.dispatch @unary of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%b : memref<4x8xf32>)
  plan.dispatch @unary of %call rows %n layer %n ins(%b : memref<4x8xf32>) outs(%c : memref<4x8xf32>)
  return
}

// CHECK-LABEL: func.func @keeps_apart
// CHECK-SAME: plan.arena_bytes = 384 : i64
func.func @keeps_apart(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
  // CHECK-DAG: plan.buffer {{.*}} offset 0 :
  // CHECK-DAG: plan.buffer {{.*}} offset 128 :
  // CHECK-DAG: plan.buffer {{.*}} offset 256 :
  %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
  %b = plan.buffer of %call bytes 128 : memref<4x8xf32>
  %c = plan.buffer of %call bytes 128 : memref<4x8xf32>
  plan.dispatch @unary of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%b : memref<4x8xf32>)
  plan.dispatch @binary of %call rows %n layer %n ins(%a, %b : memref<4x8xf32>, memref<4x8xf32>)
      outs(%c : memref<4x8xf32>)
  return
}

// A view keeps its buffer alive.
// CHECK-LABEL: func.func @keeps_viewed_buffers
// CHECK-SAME: plan.arena_bytes = 256 : i64
func.func @keeps_viewed_buffers(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
  // CHECK: plan.buffer {{.*}} offset 0 :
  %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
  // CHECK: plan.buffer {{.*}} offset 128 :
  %b = plan.buffer of %call bytes 128 : memref<4x8xf32>
  %c0 = arith.constant 0 : index
  %view = memref.subview %a[0, 4] [4, 4] [1, 1] : memref<4x8xf32> to memref<4x4xf32, strided<[8, 1], offset: 4>>
  plan.dispatch @unary of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%a : memref<4x8xf32>)
  plan.dispatch @unary of %call rows %n layer %n ins(%b : memref<4x8xf32>) outs(%b : memref<4x8xf32>)
  %value = memref.load %view[%c0, %c0] : memref<4x4xf32, strided<[8, 1], offset: 4>>
  return
}

// What a loop reads is alive until the loop ends.
// CHECK-LABEL: func.func @keeps_buffers_used_in_loops
// CHECK-SAME: plan.arena_bytes = 256 : i64
func.func @keeps_buffers_used_in_loops(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
  // CHECK: plan.buffer {{.*}} offset 0 :
  %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
  // CHECK: plan.buffer {{.*}} offset 128 :
  %b = plan.buffer of %call bytes 128 : memref<4x8xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  plan.dispatch @unary of %call rows %n layer %n ins(%b : memref<4x8xf32>) outs(%b : memref<4x8xf32>)
  scf.for %i = %c0 to %n step %c1 {
    plan.dispatch @unary of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%a : memref<4x8xf32>)
  }
  plan.dispatch @unary of %call rows %n layer %n ins(%b : memref<4x8xf32>) outs(%b : memref<4x8xf32>)
  return
}

// Offsets are multiples of 64.
// CHECK-LABEL: func.func @aligns
// CHECK-SAME: plan.arena_bytes = 128 : i64
func.func @aligns(%call: !plan.call, %n: index) attributes {plan.max_rows = 1 : i64} {
  // CHECK: plan.buffer {{.*}} bytes 4 offset 0 :
  %a = plan.buffer of %call bytes 4 : memref<4x1xf32>
  // CHECK: plan.buffer {{.*}} bytes 4 offset 64 :
  %b = plan.buffer of %call bytes 4 : memref<4x1xf32>
  plan.dispatch @unary of %call rows %n layer %n ins(%a : memref<4x1xf32>) outs(%b : memref<4x1xf32>)
  return
}

// A layer's buffers come after those of the entry point, and layers share theirs with each other.
// CHECK-LABEL: func.func private @layer
func.func private @layer(%call: !plan.call, %x: memref<4x8xf32>, %n: index) {
  // CHECK: plan.buffer {{.*}} bytes 128 offset 192 :
  %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
  plan.dispatch @unary of %call rows %n layer %n ins(%x : memref<4x8xf32>) outs(%a : memref<4x8xf32>)
  plan.dispatch @unary of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%x : memref<4x8xf32>)
  return
}
// CHECK-LABEL: func.func @layers
// CHECK-SAME: plan.arena_bytes = 320 : i64
func.func @layers(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
  // CHECK: plan.buffer {{.*}} bytes 192 offset 0 :
  %x = plan.buffer of %call bytes 192 : memref<4x8xf32>
  call @layer(%call, %x, %n) : (!plan.call, memref<4x8xf32>, index) -> ()
  call @layer(%call, %x, %n) : (!plan.call, memref<4x8xf32>, index) -> ()
  return
}

// A layer that two entry points call begins where the larger of them ends.
// CHECK-LABEL: func.func @small
// CHECK-SAME: plan.arena_bytes = 384 : i64
func.func @small(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
  call @shared(%call, %n) : (!plan.call, index) -> ()
  return
}
// CHECK-LABEL: func.func @large
// CHECK-SAME: plan.arena_bytes = 384 : i64
func.func @large(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
  // CHECK: plan.buffer {{.*}} bytes 256 offset 0
  %a = plan.buffer of %call bytes 256 : memref<8x8xf32>
  plan.dispatch @unary of %call rows %n layer %n ins(%a : memref<8x8xf32>) outs(%a : memref<8x8xf32>)
  call @shared(%call, %n) : (!plan.call, index) -> ()
  return
}
// CHECK-LABEL: func.func private @shared
func.func private @shared(%call: !plan.call, %n: index) {
  // CHECK: plan.buffer {{.*}} bytes 128 offset 256
  %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
  plan.dispatch @unary of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%a : memref<4x8xf32>)
  return
}

// So do those of what a layer calls, behind the layer's.
// CHECK-LABEL: func.func private @called_by_outer
func.func private @called_by_outer(%call: !plan.call, %n: index) {
  // CHECK: plan.buffer {{.*}} bytes 64 offset 320
  %a = plan.buffer of %call bytes 64 : memref<4x4xf32>
  plan.dispatch @unary of %call rows %n layer %n ins(%a : memref<4x4xf32>) outs(%a : memref<4x4xf32>)
  return
}
// CHECK-LABEL: func.func private @outer
func.func private @outer(%call: !plan.call, %n: index) {
  // CHECK: plan.buffer {{.*}} bytes 128 offset 192
  %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
  plan.dispatch @unary of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%a : memref<4x8xf32>)
  call @called_by_outer(%call, %n) : (!plan.call, index) -> ()
  return
}
// CHECK-LABEL: func.func @three_deep
// CHECK-SAME: plan.arena_bytes = 384 : i64
func.func @three_deep(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
  // CHECK: plan.buffer {{.*}} bytes 192 offset 0
  %x = plan.buffer of %call bytes 192 : memref<4x8xf32>
  plan.dispatch @unary of %call rows %n layer %n ins(%x : memref<4x8xf32>) outs(%x : memref<4x8xf32>)
  call @outer(%call, %n) : (!plan.call, index) -> ()
  return
}

// What a loop hands on is alive as long as the loop's result.
// CHECK-LABEL: func.func @keeps_results_of_loops
// CHECK-SAME: plan.arena_bytes = 256 : i64
func.func @keeps_results_of_loops(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
  // CHECK: plan.buffer {{.*}} offset 0 :
  %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
  // CHECK: plan.buffer {{.*}} offset 128 :
  %b = plan.buffer of %call bytes 128 : memref<4x8xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %same = scf.for %i = %c0 to %n step %c1 iter_args(%m = %a) -> memref<4x8xf32> {
    scf.yield %m : memref<4x8xf32>
  }
  plan.dispatch @unary of %call rows %n layer %n ins(%b : memref<4x8xf32>) outs(%b : memref<4x8xf32>)
  %value = memref.load %same[%c0, %c0] : memref<4x8xf32>
  return
}
