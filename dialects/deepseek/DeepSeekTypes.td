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
    data flow. A row of MLA's cache is the normalised latent (kv_lora_rank numbers) followed by the rotated shared
    key (qk_rope_head_dim numbers).

    Example: `!deepseek.cache<576>`.
  }];
  let parameters = (ins "int64_t":$width);
  let assemblyFormat = "`<` $width `>`";
}

def DeepSeek_Activation : RankedTensorOf<[F32]>;
def DeepSeek_Ids : RankedTensorOf<[I32]>;
/// A weight as stored or packed: the shape says which (see `deepseek.linear`).
def DeepSeek_WeightTensor : RankedTensorOf<[BF16, F16, F32, F8E4M3FN]>;

#endif // DIALECTS_DEEPSEEK_DEEPSEEKTYPES_TD
