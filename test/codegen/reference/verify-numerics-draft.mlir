// Mistakes that a pass may make of a draft are each found.
// RUN: not fathom-opt %S/../../passes/Inputs/tiny-draft.mlir --verify-numerics-each --test-fathom-break-numerics=kind=swap-concat -o /dev/null 2>&1 | FileCheck %s --check-prefix=SWAP
// RUN: not fathom-opt %S/../../passes/Inputs/tiny-draft.mlir --verify-numerics-each --test-fathom-break-numerics=kind=skip-hidden-norm -o /dev/null 2>&1 | FileCheck %s --check-prefix=HNORM
// RUN: not fathom-opt %S/../../passes/Inputs/tiny-draft.mlir --verify-numerics-each --test-fathom-break-numerics=kind=hidden-before-norm -o /dev/null 2>&1 | FileCheck %s --check-prefix=BEFORE
// RUN: not fathom-opt %S/../../passes/Inputs/tiny-draft.mlir --verify-numerics-each --test-fathom-break-numerics=kind=store-in-first-layer -o /dev/null 2>&1 | FileCheck %s --check-prefix=LAYER
// RUN: not fathom-opt %S/../../passes/Inputs/tiny-draft.mlir --verify-numerics-each --test-fathom-break-numerics=kind=keep-draft-row -o /dev/null 2>&1 | FileCheck %s --check-prefix=KEEP
// RUN: not fathom-opt %S/../../passes/Inputs/tiny-draft.mlir --verify-numerics-each --fathom-model-pipeline --test-fathom-break-numerics=kind=store-in-first-layer -o /dev/null 2>&1 | FileCheck %s --check-prefix=ABSORBED

// SWAP: error: pass 'test-fathom-break-numerics' changed result 0 of @draft_forward
// SWAP: note: 'tensor.concat' in @draft_forward is the first op that computes something else
// HNORM: error: pass 'test-fathom-break-numerics' changed result 0 of @draft_forward
// BEFORE: error: pass 'test-fathom-break-numerics' changed result 1 of @forward
// LAYER: error: pass 'test-fathom-break-numerics' changed result 0 of @draft_forward
// LAYER: note: 'deepseek.cache_append' in @mtp is the first op that computes something else
// ABSORBED: error: pass 'test-fathom-break-numerics' changed result {{[0-9]}} of @draft
// A row that earlier drafts left is read instead of the row's own: the store of drafts is not rewound.
// KEEP: error: pass 'test-fathom-break-numerics' changed result 0 of @draft_forward
