// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types of the `deepseek` dialect.

#ifndef FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKTYPES_TD
#define FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKTYPES_TD

include "dialects/deepseek/DeepSeekDialect.td"
include "mlir/IR/AttrTypeBase.td"

def DeepSeek_CacheType : TypeDef<DeepSeek_Dialect, "Cache"> {
  let mnemonic = "cache";
  let summary = "what a model keeps of the tokens of its sequences: stores of rows";
  let description = [{
    A value of this type is the cache at one point of the program; ops that write return a new value, so order is
    data flow. A store has a name and, for each layer and position, a row of so many numbers, or one for each head:

    - `latent`, of multi-head latent attention: the normalized latent (kv_lora_rank numbers), then the rotated key that
      all heads share (qk_rope_head_dim numbers);
    - `index`, of sparse attention: the rotated key of its indexer;
    - `key`, rotated, and `value`, of grouped-query attention: those of each group, which is read without the others.

    Ops compute in f32. What a store keeps is rounded when it is written: to bf16, or to FP8 with a scale, a power of
    two, for each 128 numbers of a row (`fathom_row_bytes` of kernel_abi.h says how they lie); rotated numbers at the end
    of a row of FP8 may stay bf16.

    Constraints: (C1) there are 1 to 64 stores, of different names; (C2) a position has 1 to 2^24 numbers; (C3) they are
    f32, bf16 or f8E4M3FN, and a tail is bf16 behind f8E4M3FN.

    Example: `!deepseek.cache<latent: 576 x f32>`, `!deepseek.cache<key: 2 x 128 x bf16, value: 2 x 128 x bf16>`,
    `!deepseek.cache<latent: 512 x f8E4M3FN + 64 x bf16>`.
  }];
  let parameters = (ins ArrayRefParameter<"StoreAttr">:$stores);
  let assemblyFormat = "`<` custom<Stores>($stores) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Null if there is no such store.
    StoreAttr findStore(llvm::StringRef name) const;
    /// Numbers of a position in the store `name`, of all heads; 0 if there is no such store.
    int64_t getWidth(llvm::StringRef name) const;
  }];
}

class DeepSeek_RowsOf<list<Type> elements, string elementNames>
    : ConfinedType<RankedTensorOf<elements>, [CPred<"::fathom::deepseek::isRows($_self)">],
                   "[rows, width] tensor of " # elementNames # ", of static width">;

/// What an op computes is rounded where it becomes a number of bf16, and nowhere else.
def DeepSeek_Activation : DeepSeek_RowsOf<[F32, BF16], "f32 or bf16">;
/// What a product reads. Rows of i8 are integers in groups of 32 columns, and a scale for each group.
def DeepSeek_ProductInput : DeepSeek_RowsOf<[F32, BF16, I8], "f32, bf16 or i8">;
/// What stays f32, whatever activations are.
def DeepSeek_F32Activation : DeepSeek_RowsOf<[F32], "f32">;
/// A choice of things for each row.
def DeepSeek_Choices : DeepSeek_RowsOf<[I32], "i32">;
def DeepSeek_Ids : ConfinedType<RankedTensorOf<[I32]>, [HasAnyRankOfPred<[1]>], "vector of i32">;

class DeepSeek_WeightOf<string layout, list<int> ranks, string name>
    : ConfinedType<RankedTensorOf<[BF16, F16, F32, F8E4M3FN, I8]>,
                   [HasAnyRankOfPred<ranks>, CPred<"::fathom::deepseek::isStored($_self)">, CPred<layout>],
                   name # " of bf16, f16, f32, f8E4M3FN or i8, of static shape and 1 to 2^40 elements">;
class DeepSeek_WeightRowByRow<list<int> ranks, string name>
    : DeepSeek_WeightOf<"::fathom::deepseek::isRowByRow($_self)", ranks, name>;

/// [N, K], [E, N, K] for all experts, or a vector [N], in any layout.
def DeepSeek_AnyWeight
    : DeepSeek_WeightOf<"::fathom::deepseek::hasKnownLayout($_self)", [1, 2, 3], "weight in rows or a known layout">;
/// A weight as checkpoints have it.
def DeepSeek_WeightTensor : DeepSeek_WeightRowByRow<[1, 2, 3], "weight in rows">;
/// A weight with rows: [N, K], or [E, N, K] for all experts.
def DeepSeek_WeightMatrix : DeepSeek_WeightRowByRow<[2, 3], "matrix in rows">;

/// What files have of a weight, which recipes may take apart: numbers of few bits, too.
def DeepSeek_StoredTensor
    : ConfinedType<AnyRankedTensor,
                   [HasAnyRankOfPred<[1, 2, 3]>,
                    CPred<"::fathom::deepseek::isStoredElement(::mlir::cast<::mlir::RankedTensorType>($_self).getElementType())">,
                    CPred<"::fathom::deepseek::isStored($_self)">, CPred<"::fathom::deepseek::isRowByRow($_self)">],
                   "weight in rows of bf16, f16, f32, or floats or integers of 2, 4 or 8 bits, of static shape and 1 to 2^40 elements">;

/// A number for each output of a linear map.
def DeepSeek_Bias : ConfinedType<RankedTensorOf<[BF16, F16, F32]>,
                                 [HasAnyRankOfPred<[1]>, CPred<"::fathom::deepseek::isStored($_self)">],
                                 "vector of bf16, f16 or f32, of static shape">;
/// What an epilogue reads beside a sum: a number for each, or one for each column.
def DeepSeek_EpilogueExtra : AnyTypeOf<[DeepSeek_Activation, DeepSeek_Bias]>;

/// A width or count: the product of any three fits an i64.
def DeepSeek_Size : ConfinedAttr<I64Attr, [IntPositive, IntMaxValue<1048576>]>;

#endif // FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKTYPES_TD
