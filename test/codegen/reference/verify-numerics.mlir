// A pass that changes what a module computes is named, with the function and the first op that computes something else.
// RUN: not fathom-opt %s --verify-numerics-each --test-fathom-break-numerics=kind=swap-gate-up -o /dev/null 2>&1 | FileCheck %s --check-prefix=SWAP
// RUN: not fathom-opt %s --verify-numerics-each --test-fathom-break-numerics=kind=drop-residual -o /dev/null 2>&1 | FileCheck %s --check-prefix=RESIDUAL
// RUN: not fathom-opt %s --verify-numerics-each --test-fathom-break-numerics=kind=drop-cache-append -o /dev/null 2>&1 | FileCheck %s --check-prefix=CACHE
// RUN: not fathom-opt %s --verify-numerics-each --test-fathom-break-numerics=kind=change-epsilon -o /dev/null 2>&1 | FileCheck %s --check-prefix=EPSILON
// RUN: not fathom-opt %s --verify-numerics-each --test-fathom-break-numerics=kind=change-state-layer -o /dev/null 2>&1 | FileCheck %s --check-prefix=STATE
// RUN: not fathom-opt %s --verify-numerics-each --test-fathom-break-numerics=kind=remove-function -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMOVED

// Recipes are run: a mistake on the weight side is found where the weight is read.
// RUN: not fathom-opt %s --verify-numerics-each --fathom-fuse-gate-up --test-fathom-break-numerics=kind=swap-recipe-sources -o /dev/null 2>&1 | FileCheck %s --check-prefix=RECIPE

// What keeps the numbers passes without a word.
// RUN: fathom-opt %s --verify-numerics-each --test-fathom-break-numerics=kind=nothing --canonicalize --cse -o /dev/null 2>&1 | count 0

// Without the option nobody looks.
// RUN: fathom-opt %s --test-fathom-break-numerics=kind=swap-gate-up -o /dev/null 2>&1 | count 0

// Only the pass at fault is named, among others and in a pipeline nested in functions.
// RUN: not fathom-opt %s --verify-numerics-each --cse --fathom-create-entry-points --test-fathom-break-numerics=kind=swap-gate-up --cse -o /dev/null 2>&1 | FileCheck %s --check-prefix=AMONG
// RUN: fathom-opt %s --verify-numerics-each --pass-pipeline='builtin.module(func.func(canonicalize,cse))' -o /dev/null 2>&1 | count 0

// An op without a meaning ends the comparison, with a remark and not with an error.
// RUN: fathom-opt %s --verify-numerics-each --test-fathom-break-numerics=kind=unknown-op -o /dev/null 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// A test that must not end with half of its functions verified says so.
// RUN: not fathom-opt %s --verify-numerics-each --verify-diagnostics --test-fathom-break-numerics=kind=unknown-op -o /dev/null 2>&1 | FileCheck %s --check-prefix=STRICT
// STRICT: error: unexpected remark: numerics of @forward are not verified from here on: cannot evaluate op 'arith.maxsi'

// SWAP: :[[@LINE+42]]:3: error: pass 'test-fathom-break-numerics' changed result 0 of @forward with the inputs of {{prefill|decode}}: largest difference {{[0-9.e+-]+}} at [{{[0-9]+}}, {{[0-9]+}}], contract {{[0-9.e+-]+}} (1e-06 of the largest number)
// SWAP: :[[@LINE+36]]:10: note: 'deepseek.swiglu' in @layer is the first op that computes something else
// SWAP-NOT: error:

// RESIDUAL: error: pass 'test-fathom-break-numerics' changed result 0 of @forward
// RECIPE: error: pass 'test-fathom-break-numerics' changed result 0 of @forward
// RECIPE: note: 'deepseek.get_weight' in @layer is the first op that computes something else
// CACHE: error: pass 'test-fathom-break-numerics' changed result 1 of @forward with the inputs of {{.*}} at which rows of the cache are written
// EPSILON: error: pass 'test-fathom-break-numerics' changed result 0 of @forward
// EPSILON: note: 'deepseek.rms_norm' in @layer is the first op that computes something else
// STATE: error: pass 'test-fathom-break-numerics' changed the layer of a recorded state of @forward
// REMOVED: error: pass 'test-fathom-break-numerics' removed @forward

// AMONG: error: pass 'test-fathom-break-numerics' changed result 0 of @decode
// AMONG: note: 'deepseek.swiglu' in @decode.layer is the first op that computes something else
// AMONG: error: pass 'test-fathom-break-numerics' changed result 0 of @prefill
// AMONG: note: 'deepseek.swiglu' in @prefill.layer is the first op that computes something else

// UNKNOWN: remark: numerics of @forward are not verified from here on: cannot evaluate op 'arith.maxsi'
// UNKNOWN-NOT: {{error|remark}}:

module {
  deepseek.weight @table : tensor<16x8xbf16> from "table" at [0, 0]
  deepseek.weight @norm : tensor<8xbf16> layers [3] from "norm" at [0, 0]
  deepseek.weight @gate : tensor<8x8xbf16> layers [3] from "gate" at [0, 0]
  deepseek.weight @up : tensor<8x8xbf16> layers [3] from "up" at [0, 0]

  func.func private @layer(%x: tensor<?x8xf32>, %latent: tensor<?x6xf32>, %key: tensor<?x2xf32>, %positions: tensor<?xi32>,
                           %cache: !deepseek.cache<latent: 8 x f32>, %layer: index) -> (tensor<?x8xf32>, !deepseek.cache<latent: 8 x f32>) {
    %filled = deepseek.cache_append %cache["latent"][%layer], %latent, %key at %positions
        : !deepseek.cache<latent: 8 x f32>, tensor<?x6xf32>, tensor<?x2xf32> at tensor<?xi32>
    %w = deepseek.get_weight @norm[%layer] : tensor<8xbf16>
    %n = deepseek.rms_norm %x, %w eps 1.0e-06 : tensor<?x8xf32>, tensor<8xbf16>
    %g = deepseek.get_weight @gate[%layer] : tensor<8x8xbf16>
    %u = deepseek.get_weight @up[%layer] : tensor<8x8xbf16>
    %a = deepseek.linear %n, %g : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %b = deepseek.linear %n, %u : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
    %s = deepseek.swiglu %a, %b : tensor<?x8xf32>
    %y = arith.addf %x, %s : tensor<?x8xf32>
    return %y, %filled : tensor<?x8xf32>, !deepseek.cache<latent: 8 x f32>
  }

  func.func @forward(%tokens: tensor<?xi32>, %latent: tensor<?x6xf32>, %key: tensor<?x2xf32>, %positions: tensor<?xi32>,
                     %cache: !deepseek.cache<latent: 8 x f32>) -> (tensor<?x8xf32>, !deepseek.cache<latent: 8 x f32>) {
    %layer = arith.constant 3 : index
    %table = deepseek.get_weight @table : tensor<16x8xbf16>
    %x = deepseek.embedding %tokens, %table : (tensor<?xi32>, tensor<16x8xbf16>) -> tensor<?x8xf32>
    %y:2 = call @layer(%x, %latent, %key, %positions, %cache, %layer)
        : (tensor<?x8xf32>, tensor<?x6xf32>, tensor<?x2xf32>, tensor<?xi32>, !deepseek.cache<latent: 8 x f32>, index)
        -> (tensor<?x8xf32>, !deepseek.cache<latent: 8 x f32>)
    deepseek.record_state %y#0 layer 3 : tensor<?x8xf32>
    return %y#0, %y#1 : tensor<?x8xf32>, !deepseek.cache<latent: 8 x f32>
  }
}
