// Commands that do not wait for each other come side by side, as many others as run before them.
// RUN: fathom-opt %s --fathom-order-commands | FileCheck %s
// RUN: fathom-opt %s --fathom-order-commands --fathom-order-commands | FileCheck %s

module attributes {plan.stores = [#plan.store<"latent", layers = 1, width = 8, offset = 0>]} {
  plan.kernel @gate = "x86_f32_swiglu" operands 2 constants []
  plan.kernel @routed = "x86_f32_swiglu" operands 2 constants []
  plan.kernel @shared = "x86_f32_swiglu" operands 2 constants []
  plan.kernel @add = "x86_f32_swiglu" operands 3 constants []
  plan.kernel @store = "x86_f32_swiglu" operands 1 constants []
  plan.kernel @attend = "x86_f32_swiglu" operands 1 constants []

  // CHECK-LABEL: func.func @experts
  // CHECK: plan.dispatch @gate
  // CHECK: plan.dispatch @shared
  // CHECK: plan.dispatch @routed
  // CHECK: plan.dispatch @add
  // CHECK: return
  func.func @experts(%call: !plan.call, %n: index) {
    %x = plan.buffer of %call bytes 128 : memref<4x8xf32>
    %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
    %b = plan.buffer of %call bytes 128 : memref<4x8xf32>
    %c = plan.buffer of %call bytes 128 : memref<4x8xf32>
    %d = plan.buffer of %call bytes 128 : memref<4x8xf32>
    plan.dispatch @gate of %call rows %n layer %n ins(%x : memref<4x8xf32>) outs(%a : memref<4x8xf32>)
    plan.dispatch @routed of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%b : memref<4x8xf32>)
    plan.dispatch @shared of %call rows %n layer %n ins(%x : memref<4x8xf32>) outs(%c : memref<4x8xf32>)
    plan.dispatch @add of %call rows %n layer %n ins(%b, %c : memref<4x8xf32>, memref<4x8xf32>)
        outs(%d : memref<4x8xf32>)
    return
  }

  // Who reads a store waits for who writes it.
  // CHECK-LABEL: func.func @stores
  // CHECK: plan.dispatch @store
  // CHECK: plan.dispatch @gate
  // CHECK: plan.dispatch @attend
  func.func @stores(%call: !plan.call, %n: index) {
    %x = plan.buffer of %call bytes 128 : memref<4x8xf32>
    %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
    plan.dispatch @store of %call rows %n layer %n ins(%x : memref<4x8xf32>) writes ["latent"]
    plan.dispatch @attend of %call rows %n layer %n outs(%x : memref<4x8xf32>) reads ["latent"]
    plan.dispatch @gate of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%a : memref<4x8xf32>)
    return
  }

  // What a function called by it does counts.
  // CHECK-LABEL: func.func @calls
  // CHECK: plan.dispatch @gate
  // CHECK: call @layer
  // CHECK: plan.dispatch @shared
  // CHECK: plan.dispatch @routed
  func.func private @layer(!plan.call, memref<4x8xf32>, memref<4x8xf32>)
  func.func @calls(%call: !plan.call, %n: index) {
    %a = plan.buffer of %call bytes 128 : memref<4x8xf32>
    %b = plan.buffer of %call bytes 128 : memref<4x8xf32>
    plan.dispatch @gate of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%b : memref<4x8xf32>)
    call @layer(%call, %a, %b) : (!plan.call, memref<4x8xf32>, memref<4x8xf32>) -> ()
    plan.dispatch @shared of %call rows %n layer %n ins(%a : memref<4x8xf32>) outs(%b : memref<4x8xf32>)
    plan.dispatch @routed of %call rows %n layer %n ins(%b : memref<4x8xf32>) outs(%a : memref<4x8xf32>)
    return
  }
}
