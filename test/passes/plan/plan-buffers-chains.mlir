// Buffers of dispatches that may run at the same time are apart, whatever the order in the function is.
// RUN: fathom-opt %s --fathom-plan-buffers | FileCheck %s

module attributes {plan.stores = [#plan.store<"latent", layers = 1, width = 8, offset = 0>]} {
  plan.kernel @make = "x86_f32_swiglu" operands 1 constants []
  plan.kernel @unary = "x86_f32_swiglu" operands 2 constants []
  plan.kernel @binary = "x86_f32_swiglu" operands 3 constants []

  // What reads both chains may have the place of what both began with.
  // CHECK-LABEL: func.func @chains
  // CHECK-SAME: plan.arena_bytes = 512 : i64
  func.func @chains(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
    // CHECK: plan.buffer {{.*}} offset 0 :
    %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
    // CHECK: plan.buffer {{.*}} offset 128 :
    %b = plan.buffer of %call bytes 128 : memref<4x8xf32>
    // CHECK: plan.buffer {{.*}} offset 256 :
    %c = plan.buffer of %call bytes 128 : memref<4x8xf32>
    // CHECK: plan.buffer {{.*}} offset 384 :
    %d = plan.buffer of %call bytes 128 : memref<4x8xf32>
    // CHECK: plan.buffer {{.*}} offset 0 :
    %e = plan.buffer of %call bytes 128 : memref<4x8xf32>
    plan.dispatch @make of %call rows %n layer %n outs(%a : memref<4x8xf32>)
    plan.dispatch @unary of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%b : memref<4x8xf32>)
    plan.dispatch @make of %call rows %n layer %n outs(%c : memref<4x8xf32>)
    plan.dispatch @unary of %call rows %n layer %n ins(%c : memref<4x8xf32>) outs(%d : memref<4x8xf32>)
    plan.dispatch @binary of %call rows %n layer %n ins(%b, %d : memref<4x8xf32>, memref<4x8xf32>)
        outs(%e : memref<4x8xf32>)
    return
  }

  // Who reads a store waits for who writes it, and for what that reads.
  // CHECK-LABEL: func.func @stores
  // CHECK-SAME: plan.arena_bytes = 128 : i64
  func.func @stores(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
    // CHECK: plan.buffer {{.*}} offset 0 :
    %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
    // CHECK: plan.buffer {{.*}} offset 0 :
    %b = plan.buffer of %call bytes 128 : memref<4x8xf32>
    plan.dispatch @make of %call rows %n layer %n outs(%a : memref<4x8xf32>)
    plan.dispatch @make of %call rows %n layer %n ins(%a : memref<4x8xf32>) writes ["latent"]
    plan.dispatch @make of %call rows %n layer %n outs(%b : memref<4x8xf32>) reads ["latent"]
    return
  }

  // CHECK-LABEL: func.func @readers_of_a_store
  // CHECK-SAME: plan.arena_bytes = 256 : i64
  func.func @readers_of_a_store(%call: !plan.call, %n: index) attributes {plan.max_rows = 4 : i64} {
    // CHECK: plan.buffer {{.*}} offset 0 :
    %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
    // CHECK: plan.buffer {{.*}} offset 128 :
    %b = plan.buffer of %call bytes 128 : memref<4x8xf32>
    plan.dispatch @make of %call rows %n layer %n outs(%a : memref<4x8xf32>) reads ["latent"]
    plan.dispatch @make of %call rows %n layer %n outs(%b : memref<4x8xf32>) reads ["latent"]
    return
  }
}
