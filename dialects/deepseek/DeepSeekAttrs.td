// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attributes of the `deepseek` dialect: the semantics that differ between models.

#ifndef DIALECTS_DEEPSEEK_DEEPSEEKATTRS_TD
#define DIALECTS_DEEPSEEK_DEEPSEEKATTRS_TD

include "dialects/deepseek/DeepSeekDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

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
  let summary = "a rotary embedding: layout and frequencies";
  let description = [{
    Rotates 2n numbers as n pairs; pair i turns by `position · frequencies[i]` radians. The frontend computes the
    frequencies, whatever scaling a family uses (YaRN: Peng et al., arXiv 2309.00071; reference/models.md §1.4), so no
    pass needs to know one. Cosine and sine are multiplied by `magnitude`, the quotient of YaRN's two mscales: 1 in
    every released model.

    Example: `#deepseek.rope<interleaved, frequencies = [1.0, 0.1], magnitude = 1.0>`.
  }];
  let parameters = (ins
    EnumParameter<DeepSeek_RopeLayout>:$layout,
    ArrayRefParameter<"Real">:$frequencies,
    DefaultValuedParameter<"Real", "Real(1.0)">:$magnitude
  );
  let assemblyFormat = [{
    `<` $layout `,` `frequencies` `=` `[` $frequencies `]` (`,` `magnitude` `=` $magnitude^)? `>`
  }];
  let genVerifyDecl = 1;
}

def DeepSeek_RoutingAttr : AttrDef<DeepSeek_Dialect, "Routing"> {
  let mnemonic = "routing";
  let summary = "how a gate chooses and weighs experts";
  let description = [{
    Scores come from `scoring`; a bias, where there is one, is added for the choice only. With groups, `groups` equal
    runs of experts compete by `group_rule` and the experts of all but the best `top_groups` drop out (−inf). The
    `top_k` best remain, ties going to the lowest index. Their weights are the unbiased scores, divided by their sum
    plus 1e-20 when `normalize`, times `factor` (reference/models.md §1.9).

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

def DeepSeek_BlockScaleAttr : AttrDef<DeepSeek_Dialect, "BlockScale"> {
  let mnemonic = "block_scale";
  let summary = "which part of a weight one scale covers";
  let description = [{
    Element (n, k) of a quantised weight is its stored value times scale (n / rows, k / columns): checkpoints call the
    tensor `weight_scale_inv`, yet it multiplies.

    Example: `#deepseek.block_scale<128 x 128>`.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns);
  let assemblyFormat = "`<` $rows `x` $columns `>`";
  let genVerifyDecl = 1;
}

def DeepSeek_ShardAttr : AttrDef<DeepSeek_Dialect, "Shard"> {
  let mnemonic = "shard";
  let summary = "a file of the checkpoint";
  let parameters = (ins StringRefParameter<"file name">:$file, "uint64_t":$bytes, "uint64_t":$header_hash);
  let assemblyFormat = "`<` $file `,` `bytes` `=` $bytes `,` `header_hash` `=` $header_hash `>`";
}

#endif // DIALECTS_DEEPSEEK_DEEPSEEKATTRS_TD
