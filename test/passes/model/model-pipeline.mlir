// The whole phase on a small model keeps its numbers, with and without rewritten weights.
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline | FileCheck %s
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline --verify-numerics-each -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %S/../Inputs/tiny.mlir --fathom-model-pipeline=rewrite-weights=false --verify-numerics-each -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %S/../Inputs/tiny-gqa.mlir --fathom-model-pipeline --verify-numerics-each | FileCheck %s --check-prefix=GQA
// RUN: fathom-opt %S/../Inputs/tiny-gqa.mlir --fathom-model-pipeline=rewrite-weights=false --verify-numerics-each -o /dev/null 2>&1 | count 0
// RUN: fathom-opt %S/../Inputs/tiny-sparse.mlir --fathom-model-pipeline --verify-numerics-each | FileCheck %s --check-prefix=SPARSE
// RUN: fathom-opt %S/../Inputs/tiny-sparse.mlir --fathom-model-pipeline=rewrite-weights=false --verify-numerics-each -o /dev/null 2>&1 | count 0

// The first positions attend to all, others to a selection; the projections of all entry points are the same weight.
// SPARSE: deepseek.recipe @"dense.self_attn.q_a_proj+dense.self_attn.kv_a_proj_with_mqa+dense.self_attn.indexer.wk+dense.self_attn.indexer.weights_proj"
// SPARSE-NOT: deepseek.recipe @"dense.self_attn.q_a_proj
// SPARSE-LABEL: func.func private @prefill.dense
// SPARSE: deepseek.cache_append %{{.*}}["index"]
// SPARSE-NOT: deepseek.index_select
// SPARSE: deepseek.mla_attention
// SPARSE-LABEL: func.func private @prefill_sparse.dense
// SPARSE: deepseek.index_select
// SPARSE: deepseek.mla_latent_attention {{.*}} select
// SPARSE-LABEL: func.func private @decode.dense
// SPARSE: deepseek.index_select
// SPARSE: deepseek.mla_latent_attention {{.*}} select

// Both entry points attend in groups; query, key and value come from one product.
// GQA: deepseek.recipe @"dense.self_attn.q_proj+dense.self_attn.k_proj+dense.self_attn.v_proj"
// GQA: deepseek.recipe @"dense.self_attn.q_proj.bias+dense.self_attn.k_proj.bias+dense.self_attn.v_proj.bias"
// GQA-LABEL: func.func private @prefill.dense
// GQA: deepseek.gqa_attention
// GQA-LABEL: func.func private @decode.dense
// GQA: deepseek.gqa_attention

// CHECK: deepseek.recipe @"dense.self_attn.q_a_proj+dense.self_attn.kv_a_proj_with_mqa"
// CHECK-LABEL: func.func private @prefill.dense
// CHECK: deepseek.mla_attention
// CHECK: deepseek.linear_swiglu
// CHECK-LABEL: func.func private @prefill.moe
// CHECK: deepseek.moe_permute
// CHECK-LABEL: func.func @prefill(
// CHECK-LABEL: func.func private @decode.dense
// CHECK: deepseek.mla_absorb_query
// CHECK: deepseek.mla_latent_attention
// CHECK: deepseek.mla_expand_output
// CHECK-LABEL: func.func @decode(
