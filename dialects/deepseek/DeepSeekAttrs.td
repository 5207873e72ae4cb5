// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attributes of the `deepseek` dialect: the semantics that differ between models.

#ifndef FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKATTRS_TD
#define FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKATTRS_TD

include "dialects/deepseek/DeepSeekDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/TensorEncoding.td"

def DeepSeek_RopeLayout : I32EnumAttr<"RopeLayout", "which elements a rotation pairs", [
  I32EnumAttrCase<"interleaved", 0>, // (x[2i], x[2i+1]): MLA
  I32EnumAttrCase<"half_split", 1>   // (x[i], x[i+d/2]): the V3.2 indexer, Llama
]> {
  let cppNamespace = "::fathom::deepseek";
}

def DeepSeek_Scoring : I32EnumAttr<"Scoring", "how a gate turns logits into scores", [
  I32EnumAttrCase<"softmax", 0>, // V2
  I32EnumAttrCase<"sigmoid", 1>  // V3
]> {
  let cppNamespace = "::fathom::deepseek";
}

def DeepSeek_GroupRule : I32EnumAttr<"GroupRule", "what a group of experts is worth", [
  I32EnumAttrCase<"none", 0>,     // no groups: V2-Lite
  I32EnumAttrCase<"max", 1>,      // best score of the group: V2
  I32EnumAttrCase<"top2_sum", 2>  // sum of its two best biased scores: V3
]> {
  let cppNamespace = "::fathom::deepseek";
}

def DeepSeek_RopeAttr : AttrDef<DeepSeek_Dialect, "Rope"> {
  let mnemonic = "rope";
  let summary = "the angles of a rotary embedding";
  let description = [{
    Rotates 2n numbers as n pairs; pair i turns by `position · frequencies[i]` radians. Which numbers are a pair is the
    matter of the op that rotates, so that models with both layouts share a table. The frontend computes the
    frequencies, whatever scaling a family uses (YaRN: Peng et al., arXiv 2309.00071), so no pass needs to know one.
    Cosine and sine are multiplied by `magnitude`, the quotient of YaRN's two mscales: 1 in every released model.

    Constraints: there is at least one frequency.

    Example: `#deepseek.rope<frequencies = [1.0, 0.1], magnitude = 1.0>`.
  }];
  let parameters = (ins
    ArrayRefParameter<"Real">:$frequencies,
    DefaultValuedParameter<"Real", "Real(1.0)">:$magnitude
  );
  let assemblyFormat = [{
    `<` `frequencies` `=` `[` $frequencies `]` (`,` `magnitude` `=` $magnitude^)? `>`
  }];
  let genVerifyDecl = 1;
}

def DeepSeek_RoutingAttr : AttrDef<DeepSeek_Dialect, "Routing"> {
  let mnemonic = "routing";
  let summary = "how a gate chooses and weighs experts";
  let description = [{
    1. Scores: the `softmax` (V2) or `sigmoid` (V3) of a row's logits. A bias, where there is one, is added for the
       choice only.
    2. Groups: `groups` equal runs of experts compete. A group is worth its best score (`max`, V2) or the sum of its two
       best biased scores (`top2_sum`, V3); the experts of all but the best `top_groups` drop out (−inf). With `none`
       (V2-Lite) there are no groups.
    3. The `top_k` best remain, ties going to the lowest index.
    4. Weights: the unbiased scores, divided by their sum plus 1e-20 when `normalize`, times `factor`.

    Constraints: top_k ≥ 1 and 1 ≤ top_groups ≤ groups.

    Example: `#deepseek.routing<sigmoid, top2_sum, top_k = 8, groups = 8, top_groups = 4, normalize = true,
    factor = 2.5>`.
  }];
  let parameters = (ins
    EnumParameter<DeepSeek_Scoring>:$scoring,
    EnumParameter<DeepSeek_GroupRule>:$group_rule,
    "int64_t":$top_k,
    DefaultValuedParameter<"int64_t", "1">:$groups,
    DefaultValuedParameter<"int64_t", "1">:$top_groups,
    DefaultValuedParameter<"bool", "false">:$normalize,
    DefaultValuedParameter<"Real", "Real(1.0)">:$factor
  );
  let assemblyFormat = [{
    `<` $scoring `,` $group_rule `,` struct($top_k, $groups, $top_groups, $normalize, $factor) `>`
  }];
  let genVerifyDecl = 1;
}

def DeepSeek_StoreAttr : AttrDef<DeepSeek_Dialect, "Store"> {
  let mnemonic = "store";
  let summary = "a store of a cache";
  let description = [{
    What `!deepseek.cache` lists: of each layer and position, a row of `width` numbers for each of `heads` heads. The
    last `tail` of them are bf16, whatever the others are.

    Example: `#deepseek.store<"latent", width = 576, element = f8E4M3FN, tail = 64>`.
  }];
  let parameters = (ins StringRefParameter<>:$name, DefaultValuedParameter<"int64_t", "1">:$heads, "int64_t":$width,
                        "mlir::Type":$element, DefaultValuedParameter<"int64_t", "0">:$tail);
  let assemblyFormat = "`<` $name `,` struct($heads, $width, $element, $tail) `>`";
  let extraClassDeclaration = [{
    bool isF32() const { return getElement().isF32(); }
    /// Whether what is written is worth spreading over the numbers of a block first (deepseek.hadamard).
    bool isF8() const { return mlir::isa<mlir::Float8E4M3FNType>(getElement()); }
  }];
}

def DeepSeek_BlockScaleAttr : AttrDef<DeepSeek_Dialect, "BlockScale"> {
  let mnemonic = "block_scale";
  let summary = "which part of a weight one scale covers";
  let description = [{
    Element (n, k) of a quantized weight is its stored value times scale (n / rows, k / columns): checkpoints call the
    tensor `weight_scale_inv`, yet it multiplies. Scales are f32, and f16 of integers. Blocks at the edges may be ragged: N and K need not be multiples.

    Constraints: both are positive.

    Example: `#deepseek.block_scale<128 x 128>`.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns);
  let assemblyFormat = "`<` $rows `x` $columns `>`";
  let genVerifyDecl = 1;
}

def DeepSeek_LayoutAttr
    : AttrDef<DeepSeek_Dialect, "Layout", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let mnemonic = "layout";
  let summary = "how a weight lies in memory, where that is not row by row";
  let description = [{
    The encoding of the type of a weight [(E,) N, K]. Shapes and the meaning of ops do not depend on it; kernels do:
    which one an op uses follows from it.

    `panels` = P: as [ceil(N/P), K, P], where element (n, k) is at [n / P, k, n % P], and zeros follow the last row. The
    outputs of a panel lie side by side, so that they fill vector lanes and every output still adds up its inputs in
    order.

    `interleave` = I, of gate and up: the two halves of the rows come in turns, I rows of the first, I of the second, the
    next of the first, with zero rows where a half ends within a block. A kernel then finds a gate and its up near each
    other.

    Which of them are read is up to the kernels of a device: a module with a target has those of its machine.

    Constraints: (C1) panels have 1 to 2^24 outputs, blocks as many rows at most, or none; (C2) a weight has rows, an even
    number to interleave them.

    Example: `tensor<96x128xbf16, #deepseek.layout<panels = 32, interleave = 32>>`.
  }];
  let parameters = (ins "int64_t":$panels, DefaultValuedParameter<"int64_t", "0">:$interleave);
  let assemblyFormat = "`<` struct($panels, $interleave) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// As the catalog of kernels calls it.
    static constexpr llvm::StringLiteral kCatalogName = "panels";
    /// What a weight of `shape` is in memory.
    llvm::SmallVector<int64_t> getStoredShape(llvm::ArrayRef<int64_t> shape) const;
  }];
}

def DeepSeek_TargetAttr : AttrDef<DeepSeek_Dialect, "Target"> {
  let mnemonic = "target";
  let summary = "the machine that a module is compiled for";
  let description = [{
    The module's `deepseek.target`, from the fuse phase on. Passes choose kernels and layouts of weights by it, and code
    generation goes by it alone: it does not matter which machine that runs on.

    `triple` is what LLVM calls the kind of machine; `arch` the level of instructions, one of the catalog of kernels;
    `tune` the processor whose speeds decide among its instructions; `layout` that of gates and ups where a kernel reads
    it. A weight without gates has the same, without `interleave`; without a layout, weights stay row by row. `activation`
    is what activations are rounded to; i8: what products with weights of i8 read; without it they are f32.

    Constraints: (C1) triple, arch and tune are not empty; (C2) activations are bf16 or i8, if anything.

    Example: `#deepseek.target<"x86_64-unknown-linux-gnu", arch = "avx2", tune = "x86-64-v3",
    layout = <panels = 32, interleave = 32>, activation = bf16>`.
  }];
  let parameters = (ins StringRefParameter<>:$triple, StringRefParameter<>:$arch, StringRefParameter<>:$tune,
                        OptionalParameter<"LayoutAttr">:$layout, OptionalParameter<"::mlir::Type">:$activation);
  let assemblyFormat = "`<` $triple `,` struct($arch, $tune, $layout, $activation) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The layout of a weight; null: row by row.
    LayoutAttr getLayoutOf(bool gateAndUp) const;
  }];
}

def DeepSeek_ShardAttr : AttrDef<DeepSeek_Dialect, "Shard"> {
  let mnemonic = "shard";
  let summary = "a file of the checkpoint";
  let description = [{
    The module's `deepseek.shards` lists these; the first number of a `deepseek.weight`'s location is an index into it.
    `header_hash` is that of the file's safetensors header, to tell another file of the same name.

    Example: `#deepseek.shard<"model.safetensors", bytes = 1310720, header_hash = 81985529216486895>`.
  }];
  let parameters = (ins StringRefParameter<"file name">:$file, "uint64_t":$bytes, "uint64_t":$header_hash);
  let assemblyFormat = "`<` $file `,` `bytes` `=` $bytes `,` `header_hash` `=` $header_hash `>`";
}

#endif // FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKATTRS_TD
