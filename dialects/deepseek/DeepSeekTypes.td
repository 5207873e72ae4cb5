// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types of the `deepseek` dialect.

#ifndef DIALECTS_DEEPSEEK_DEEPSEEKTYPES_TD
#define DIALECTS_DEEPSEEK_DEEPSEEKTYPES_TD

include "dialects/deepseek/DeepSeekDialect.td"
include "mlir/IR/AttrTypeBase.td"

def DeepSeek_CacheType : TypeDef<DeepSeek_Dialect, "Cache"> {
  let mnemonic = "cache";
  let summary = "the state of a model's sequences: one row of `width` numbers per layer and position";
  let description = [{
    A value of this type is the cache at one point of the program; ops that write return a new value, so order is
    data flow. A row of MLA's cache is the normalized latent (kv_lora_rank numbers) followed by the rotated shared
    key (qk_rope_head_dim numbers).

    Constraints: the width is a positive 32-bit number.

    Example: `!deepseek.cache<576>`.
  }];
  let parameters = (ins "int64_t":$width);
  let assemblyFormat = "`<` $width `>`";
  let genVerifyDecl = 1;
}

class DeepSeek_RowsOf<Type element, string elementName>
    : ConfinedType<RankedTensorOf<[element]>, [CPred<"::fathom::deepseek::isRows($_self)">],
                   "[rows, width] tensor of " # elementName # ", of static width">;

def DeepSeek_Activation : DeepSeek_RowsOf<F32, "f32">;
/// A choice of things for each row.
def DeepSeek_Choices : DeepSeek_RowsOf<I32, "i32">;
def DeepSeek_Ids : ConfinedType<RankedTensorOf<[I32]>, [HasAnyRankOfPred<[1]>], "vector of i32">;

class DeepSeek_WeightOf<list<int> ranks, string name>
    : ConfinedType<RankedTensorOf<[BF16, F16, F32, F8E4M3FN]>,
                   [HasAnyRankOfPred<ranks>, CPred<"::fathom::deepseek::isStored($_self)">],
                   name # " of bf16, f16, f32 or f8E4M3FN, of static shape and 1 to 2^40 elements">;

/// A weight as stored or packed: the shape says which (see `deepseek.linear`).
def DeepSeek_WeightTensor : DeepSeek_WeightOf<[1, 2, 3, 4], "weight">;
/// What has rows: [N, K], [E, N, K] for all experts, or a vector [N].
def DeepSeek_WeightRows : DeepSeek_WeightOf<[1, 2, 3], "vector or matrix">;
/// A weight with rows: [N, K], or [E, N, K] for all experts.
def DeepSeek_WeightMatrix : DeepSeek_WeightOf<[2, 3], "matrix">;

/// A number for each output of a linear map.
def DeepSeek_Bias : ConfinedType<RankedTensorOf<[BF16, F16, F32]>,
                                 [HasAnyRankOfPred<[1]>, CPred<"::fathom::deepseek::isStored($_self)">],
                                 "vector of bf16, f16 or f32, of static shape">;
/// What an epilogue reads beside a sum: a number for each, or one for each column.
def DeepSeek_EpilogueExtra : AnyTypeOf<[DeepSeek_Activation, DeepSeek_Bias]>;

/// A width or count: the product of any three fits an i64.
def DeepSeek_Size : ConfinedAttr<I64Attr, [IntPositive, IntMaxValue<1048576>]>;

#endif // DIALECTS_DEEPSEEK_DEEPSEEKTYPES_TD
