// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes of the model phase: from the graph as imported to the graph as it runs.

#ifndef FATHOM_PASSES_MODEL_PASSES_TD
#define FATHOM_PASSES_MODEL_PASSES_TD

include "mlir/Pass/PassBase.td"
include "passes/support/Within.td"

def CreateEntryPoints : Pass<"fathom-create-entry-points", "mlir::ModuleOp"> {
  let summary = "make the entry points prefill, decode and draft, with and without the head";
  let description = [{
    Clones `@forward` and the layers it calls into `@prefill` (rows are tokens of one sequence) and `@decode` (a row is
    one token of each of several sequences), `@draft_forward`, where there is one, into `@draft` (a row is a token of any
    sequence, as many as in prefill, but those of a verification at least), and removes the originals.
    `@prefill_headless` and so on share their layers and compute no logits, for calls that want none. Later passes
    specialize the two forms on their own. A module that has entry points and no `@forward` is left alone; one that has neither is an error.

    Where a `sparse_attention` has fewer positions to choose than the context, `@prefill` is for positions below that
    number, at which it is dense (`deepseek.max_positions`), and `@prefill_sparse` for those from there on: as many rows
    as `@prefill` takes, in absorbed form, since rows that attend to few of all keys each share no work on keys.

    Where `prefill-rows` is 0, prefill takes as many rows as give each expert 96 on average, a power of two from 256 to
    1024.

    Numeric contract: exact. Test: test/passes/model/create-entry-points.mlir.
  }];
  let options = [
    Option<"prefillRows", "prefill-rows", "int64_t", "0", "most tokens in one call of prefill; 0: as suits experts">,
    Option<"decodeRows", "decode-rows", "int64_t", "16", "most sequences in one call of decode">
  ];
}

def FoldRopeTables : Pass<"fathom-fold-rope-tables", "mlir::ModuleOp"> {
  let summary = "compute rope tables once, as weights";
  let description = [{
    Replaces each `deepseek.rope_table` by a recipe of the same meaning, one for all that are equal: the packer computes
    the table when the model is compiled, and nothing computes a sine at run time.

    Numeric contract: exact. Test: test/passes/model/fold-rope-tables.mlir.
  }];
}

def FuseSharedInputProjections : Pass<"fathom-fuse-shared-input-projections", "mlir::ModuleOp"> {
  let summary = "compute projections of one input in one product";
  let description = [{
    Products that read the same input become one: recipes put their weights one below the other, and their scales and
    biases likewise; the results become column slices of one result. Such are the projections to a query, a key and a
    value, and those to the latents of MLA. Quantized weights expand their scales to one row per output first, since
    128-row blocks of one do not end where those of the next begin.

    Takes only products all of whose uses can read columns of wider rows: norms, rotations, products, cache writes and
    selections of positions.
    Does nothing where element types or layers differ, or only some have a bias, or where an epilogue follows.

    Numeric contract: exact, every output is still the same sum.
    Test: test/passes/model/fuse-shared-input-projections.mlir.
  }];
  let statistics = [Statistic<"fused", "fused", "projections that became part of another">];
}

def FuseGateUp : Pass<"fathom-fuse-gate-up", "mlir::ModuleOp"> {
  let summary = "compute gate and up projections and their SwiGLU in one product";
  let description = [{
    `swiglu(linear(x, G), linear(x, U))` becomes `linear_swiglu(x, W)` where a recipe joins the rows of G and U: a kernel
    then holds a gate and its up in registers at once. Needs G and U of one type.

    Does nothing where one of the products has another use, a bias or an epilogue.

    Numeric contract: exact. Test: test/passes/model/fuse-gate-up.mlir.
  }];
  let statistics = [Statistic<"fused", "fused", "pairs of projections fused">];
}

def LowerSparseAttention : Pass<"fathom-lower-sparse-attention", "mlir::ModuleOp">, Within<"1e-3"> {
  let summary = "turn sparse attention into a selection of positions and attention to it, or into dense attention";
  let description = [{
    `sparse_attention` becomes `mla_attention` where no row of its function can have more than top_k positions, by the
    function's `deepseek.max_positions` or else the model's `max_context`: such rows attend to all they have, in the form
    that suits the function. Elsewhere it becomes `index_select`, `mla_absorb_query`, `mla_latent_attention` on the
    selection and `mla_expand_output`: a latent that is read serves all heads, and none is ever expanded. Index keys are
    written in either case, for rows to come.

    A kernel selects for a row on one thread. Where a call has 64 rows or fewer, by `deepseek.max_rows` of the entry
    point, and so may not have one for every thread, `index_candidates` and `index_merge` take the place of `index_select`
    in long contexts: a row's are searched in parts, one for each 1024 positions and for each 2 · top_k of the longest, but
    no more than 16. What parts there are is a fact of the module, and they select the same positions. With
    many rows, as of a prompt, threads have enough to do, and candidates would be much memory: 64 MiB for 256 rows of 16
    parts that select 2048 positions.

    Runs behind fathom-fuse-shared-input-projections, so that all entry points share the weights that it joins.

    Numeric contract: equal in exact arithmetic; in f32, 1e-3 relative to the largest output.
    Tests: test/passes/model/lower-sparse-attention*.mlir.
  }];
  let statistics = [Statistic<"madeDense", "made-dense", "attentions turned to dense attention">,
                    Statistic<"selected", "selected", "attentions turned to attention to a selection">];
}

def AbsorbMlaProjections : Pass<"fathom-absorb-mla-projections", "mlir::ModuleOp">, Within<"1e-3"> {
  let summary = "move MLA's key and value projections to the query and the output, for decode";
  let description = [{
    In functions of the absorbed form (`deepseek.form`), `mla_attention` becomes `mla_absorb_query`, `mla_latent_attention` and
    `mla_expand_output`: W_UK multiplies the query and W_UV the attended latent, so attention reads r + dr numbers per
    token and no key or value is ever expanded (DeepSeek-V2, arXiv 2405.04434, §2.1.2).

    Numeric contract: equal in exact arithmetic; in f32, 1e-3 relative to the largest output.
    Test: test/passes/model/absorb-mla-projections.mlir.
  }];
  let statistics = [Statistic<"absorbed", "absorbed", "attentions turned to absorbed form">];
}

def LowerMoERouting : Pass<"fathom-lower-moe-routing", "mlir::ModuleOp"> {
  let summary = "turn chosen experts into token permutation and grouped products";
  let description = [{
    `moe_experts` becomes: sort (token, choice) pairs by expert; gate and up as a grouped product over the sorted
    slots, with SwiGLU; down as another; the weighted sum back to token order. With `fuse-gate-up` the two first
    products share one interleaved weight, as `fathom-fuse-gate-up` does for dense layers.

    Numeric contract: exact. Test: test/passes/model/lower-moe-routing.mlir.
  }];
  let options = [
    Option<"fuseGateUp", "fuse-gate-up", "bool", "true", "interleave gate and up weights in one recipe">
  ];
}

def AssignWeightTypes : Pass<"fathom-assign-weight-types", "mlir::ModuleOp">, Within<"1e-1"> {
  let summary = "keep weights of products in fewer bits than the checkpoint has";
  let description = [{
    The weight of each `linear`, `linear_swiglu` and product of experts becomes what `type` says of its role: bf16; FP8, of
    which 128 along a row share a scale of f32 (f8); or integers of 8 bits, of which 32 share one of f16 (q8). Recipes with
    `to_bf16`, or with `quantize` and `quantize_scales`, ask the packer for it, of the numbers that a weight has or, where
    it has scales, stands for. Behind the passes that join weights, so that what is joined is quantized once.

    Does nothing with `keep`, nor where a weight is of the type, and leaves alone what chooses experts, embeddings, norms,
    and the projection that makes keys and values of latents, which kernels read row by row.

    Numeric contract: 1e-1 relative to the largest output.
    Test: test/passes/model/assign-weight-types.mlir.
  }];
  let options = [Option<"type", "type", "std::string", "\"keep\"", "what weights become, for all and by role: q8,head=keep">];
  let statistics = [Statistic<"assigned", "assigned", "products whose weight has another type">];
}

def VerifyModelOutput : Pass<"fathom-verify-model-output", "mlir::ModuleOp"> {
  let summary = "check what the model phase promises";
  let description = [{
    After the model phase: every function has a form, and is an entry point or a layer by its inputs and results; where
    one drafts, it is of the absorbed form, and all give the hidden states that it drafts from; no `rope_table` is left in
    a function, no `moe_experts` and no `sparse_attention`; functions of the absorbed form have no expanded attention; if
    attention selects positions anywhere, only functions with `deepseek.max_positions` have latent attention to all.

    Numeric contract: exact, marks `deepseek.phase = "model"`. Test: test/passes/model/verify-model-output-errors.mlir.
  }];
}

#endif // FATHOM_PASSES_MODEL_PASSES_TD
