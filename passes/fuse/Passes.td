// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes of the fuse phase: fewer, larger ops, and the kernels that run them.

#ifndef FATHOM_PASSES_FUSE_PASSES_TD
#define FATHOM_PASSES_FUSE_PASSES_TD

include "mlir/Pass/PassBase.td"
include "passes/support/Within.td"

def AttachTarget : Pass<"fathom-attach-target", "mlir::ModuleOp"> {
  let summary = "say which machine the module is compiled for";
  let description = [{
    Sets `deepseek.target` on the module, which later passes and code generation go by. The arch is one of the catalog
    of kernels; what else there is to say of such machines, the catalog knows.

    Numeric contract: exact. Test: test/passes/fuse/attach-target.mlir.
  }];
  let dependentDialects = ["fathom::deepseek::DeepSeekDialect"];
  let options = [
    Option<"arch", "arch", "std::string", "\"\"", "an arch that has kernels; empty: what all machines have">,
    Option<"tune", "tune", "std::string", "\"\"", "a processor of the arch to tune for; empty: any">,
    Option<"packWeights", "pack-weights", "bool", "true", "lay weights out as kernels like them best">,
    Option<"activation", "activation", "::fathom::ActivationType", "::fathom::ActivationType::F32",
           "what activations are: f32; bf16, to which they are rounded; or int8 in products with such weights", "::fathom::getActivationTypes()">
  ];
}

def AbsorbAttention : Pass<"fathom-absorb-attention", "mlir::ModuleOp">, Within<"1e-3"> {
  let summary = "attend in the space of latents where the target has kernels for nothing else";
  let description = [{
    `mla_attention` becomes `mla_absorb_query`, `mla_latent_attention` and `mla_expand_output`, as in functions of the
    absorbed form, where the target has kernels for these three and none for the expanded form. So do prompts on GPUs, where a
    key that is read once serves all heads. Rows are what the function's form (`deepseek.form`) says they are.

    Numeric contract: equal in exact arithmetic; in f32, 1e-3 relative to the largest output. Test:
    test/passes/fuse/absorb-attention.mlir.
  }];
  let statistics = [Statistic<"absorbed", "absorbed", "attentions turned to absorbed form">];
}

def AssignActivationTypes : Pass<"fathom-assign-activation-types", "mlir::ModuleOp">, Within<"1e-6", "0x1p-5"> {
  let summary = "make activations what the target says they are";
  let description = [{
    With a target of bf16 activations, f32 [rows, width] values become bf16, in functions, calls and their types, but for
    those that an op says stay f32 (`ComputeOp::staysF32`), and what must have the type of such a value: columns of one
    product, operands of one sum, activations of an op that does not convert them. What callers give and take stays f32:
    states to draft from are widened where they are returned. Does nothing where the target says nothing.

    Numeric contract: exact, but that activations of bf16 are rounded. Test:
    test/passes/fuse/assign-activation-types.mlir.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect"];
  let statistics = [Statistic<"assigned", "assigned", "values that became bf16">];
}

def QuantizeActivations : Pass<"fathom-quantize-activations", "mlir::ModuleOp">, Within<"1e-6", "0x1p-3"> {
  let summary = "let products with weights of 8 bits read integers of 8 bits";
  let description = [{
    With a target of i8 activations, what products with weights of i8 read goes through `quantize_rows`, in all functions.
    Other products read what they read before. Where there are no such weights, it warns, and the target says so from then on.

    Numeric contract: exact, but that activations of i8 are rounded. Test: test/passes/fuse/quantize-activations.mlir.
  }];
  let options = [
    Option<"packRows", "pack-rows", "bool", "true",
           "give rows as kernels read them, integers and scales; otherwise the numbers that they stand for">
  ];
  let statistics = [Statistic<"quantized", "quantized", "products that read integers">];
}

def FuseResidualNorm : Pass<"fathom-fuse-residual-norm", "mlir::ModuleOp"> {
  let summary = "fuse a residual sum into the norm that follows";
  let description = [{
    `rms_norm(x + r)` becomes `add_rms_norm`, which reads x and r once and gives both the norm and the sum. Does nothing
    where the sum stands in another block or something before the norm uses it.

    Numeric contract: exact. Test: test/passes/fuse/fuse-residual-norm.mlir.
  }];
  let statistics = [Statistic<"fused", "fused", "sums fused">];
}

def FuseRopeCacheWrite : Pass<"fathom-fuse-rope-cache-write", "mlir::ModuleOp">, Within<"1e-6", "0x1p-5"> {
  let summary = "fuse the latent's norm, the key's rotation and the cache write";
  let description = [{
    `cache_append(rms_norm(kv[:, :r]), rope(kv[:, r:]))` becomes `mla_append`: a row goes from projection to cache in
    one step. Needs both slices to be of the same rows of one value, side by side.

    Numeric contract: exact, but that the cache rounds what activations of bf16 had rounded before. Test: test/passes/fuse/fuse-rope-cache-write.mlir.
  }];
  let statistics = [Statistic<"fused", "fused", "cache writes fused">];
}

def FuseEpilogues : Pass<"fathom-fuse-epilogues", "mlir::ModuleOp">, Within<"1e-6", "0x1p-5"> {
  let summary = "fuse biases and elementwise sums into the product they end";
  let description = [{
    The bias of a `linear` becomes the first that its epilogue adds, so that no kernel needs to know of biases.
    `arith.addf` of the only use of a `linear`, `linear_swiglu` or `moe_combine` and another value of the same shape
    moves into the op's epilogue region, so the sum is formed in registers. Of two such ops, the one that has more ops
    before it, one after the other: nothing waits for the other then that would not wait in any case. Repeats for
    chains: expert outputs, shared expert and residual become one epilogue.

    Numeric contract: exact, but that a sum of activations of bf16 is rounded once, behind its epilogue; operands keep
    their order, and a sum of floats is commutative.
    Test: test/passes/fuse/fuse-epilogues.mlir.
  }];
  let statistics = [Statistic<"fused", "fused", "sums and biases fused">];
}

def AddArgmax : Pass<"fathom-add-argmax", "mlir::ModuleOp"> {
  let summary = "find the largest logit where the logits are";
  let description = [{
    An entry point that gives logits gives their `argmax` as well, where the target has a kernel for it: a caller that is
    greedy need not be sent the logits. Targets whose memory the caller shares have none, and it looks for itself.

    Numeric contract: exact. Test: test/passes/fuse/add-argmax.mlir.
  }];
  let statistics = [Statistic<"added", "added", "entry points that give an argmax">];
}

def SplitAttention : Pass<"fathom-split-attention", "mlir::ModuleOp">, Within<"1e-6"> {
  let summary = "attend to parts of a row's keys side by side, where calls have few rows";
  let description = [{
    Where a call has 64 rows or fewer, by `deepseek.max_rows` of the entry point, and more than 128 keys for a row,
    `mla_latent_attention` and `gqa_attention` attend to parts of each row's keys, and `attention_combine` adds these: on a
    GPU one block attends for a few heads of a row, and one long row would leave most others idle. There are as many parts
    as have 128 keys each in the longest context, but no more than 128, nor than make 2048 heads of all parts together.
    Where parts of a row begin follows from how many keys it has, whatever else is in the call.

    Only for targets that have kernels for both. Those give the bits of attention that is not split, which adds the same
    parts in the same order: a row has the same bits in a call of many rows, which is not split.

    Numeric contract: equal in exact arithmetic; in f32, 1e-6 relative to the largest output. Test:
    test/passes/fuse/split-attention.mlir.
  }];
  let statistics = [Statistic<"split", "split", "attentions split into parts">];
}

def SelectKernels : Pass<"fathom-select-kernels", "mlir::ModuleOp"> {
  let summary = "choose a kernel of the catalog for each op";
  let description = [{
    Sets `deepseek.kernel` on every op that a kernel of the target's arch, or of one that it falls back to, can run,
    looking at the op, the type of its weight, the target's layout of weights, and the shared memory that the kernel needs
    for the op's shapes. Ops without a kernel keep no mark and become generated loops; it warns of those that have none
    because a GPU has too little shared memory.

    Numeric contract: exact (marks only). Test: test/passes/fuse/select-kernels.mlir.
  }];
}

def PackWeights : Pass<"fathom-pack-weights", "mlir::ModuleOp"> {
  let summary = "ask for weights in the layout that the chosen kernels read";
  let description = [{
    Where the chosen kernel reads the target's layout, the weight (and its scales) become recipes that end in
    `convert_layout`, which interleaves gates and ups. A gate bias that is not f32 becomes one. Recipes that nobody uses
    any more are removed. Does nothing to ops that `fathom-select-kernels` left without a kernel, or whose weight has a
    layout already.

    Numeric contract: exact. Test: test/passes/fuse/pack-weights.mlir.
  }];
}

def VerifyFuseOutput : Pass<"fathom-verify-fuse-output", "mlir::ModuleOp"> {
  let summary = "check what the fuse phase promises";
  let description = [{
    After the fuse phase: chosen kernels exist in the catalog and are for the op, type and layout at hand; a weight in a
    layout is read only by an op whose kernel reads it. The module says which machine it is for, and the catalog has
    its arch.

    Numeric contract: exact, marks `deepseek.phase = "fuse"`. Test: test/passes/fuse/verify-fuse-output-errors.mlir.
  }];
}

#endif // FATHOM_PASSES_FUSE_PASSES_TD
