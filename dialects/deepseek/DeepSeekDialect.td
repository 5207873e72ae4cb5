// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `deepseek` dialect: DeepSeek models as tensors, with every semantic choice an attribute.

#ifndef FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKDIALECT_TD
#define FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKDIALECT_TD

include "dialects/deepseek/ComputeOp.td"
include "mlir/IR/OpBase.td"

def DeepSeek_Dialect : Dialect {
  let name = "deepseek";
  let summary = "DeepSeek models on tensors";
  let description = [{
    A module holds one model. Weights are symbols (`deepseek.weight`, `deepseek.recipe`), never constants; a function
    per kind of layer holds the layer's body once, whatever the number of layers; `@forward` embeds the tokens, calls
    the layers in order and computes logits.

    Activations are f32 tensors of shape [rows, width]: a row is a token, and rows may belong to different
    sequences. Weights are [outputs, inputs], as checkpoints store them, so a linear map is `x · Wᵀ`.

    Every op states its meaning in exact arithmetic; `kernels/ref` and the op's decomposition to structured ops
    (`fathom-convert-deepseek-to-structured`) implement that meaning, and tests compare the two. Sums run in ascending
    order, so that results do not depend on how a program is cut into calls.

    Attributes of the module say the rest: `deepseek.model` is a dictionary (`family`; `vocabulary`, `hidden`, `layers`,
    `max_context`; where there are any, `draft_layers` behind them; `bos_token`, −1 for none, and `eos_tokens`; where the
    model's authors say how to sample, `temperature`, `top_p`, `top_k`, `min_p`, `repetition_penalty`), `deepseek.shards` lists the files that weights lie
    in, `deepseek.phase` the last phase, `deepseek.target` the machine to compile for, from the fuse phase on. An entry point has `deepseek.max_rows`, and with its layers `deepseek.form`,
    which says how they attend: `"expanded"`, where rows are consecutive tokens of one sequence, or `"absorbed"`, where
    each is a token of any sequence at any position. With `deepseek.max_positions` an entry point and its layers take
    rows of positions below that alone. `deepseek.input` says what an argument is: of a call, `"tokens"`, `"positions"`,
    `"hidden"` (states to draft from), `"logit_row_ids"` (the rows that want logits) or `"cache"`; of a layer,
    `"activation"` or `"layer"`. `deepseek.output` says what a call gives, beside the cache: `"logits"`, `"hidden_out"`
    (states to draft from).

    `fathom compile CHECKPOINT -o - --emit=deepseek` prints the module of a checkpoint.

    Letters in descriptions: V vocabulary, H hidden size (in attention: heads), K and N inputs and outputs of a weight,
    E experts, t a row, `‖` concatenation. Of multi-head latent attention (MLA): r the latent's width (kv_lora_rank),
    dn and dr the parts of a head's key without and with rotation (qk_nope_head_dim, qk_rope_head_dim), dv a head's
    value (v_head_dim), W_UK and W_UV the rows of `kv_b` that make a head's key and value from the latent.
  }];
  let cppNamespace = "::fathom::deepseek";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{ void registerAttrs(); }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::tensor::TensorDialect"];
}

class DeepSeek_Op<string mnemonic, list<Trait> traits = []> : Op<DeepSeek_Dialect, mnemonic, traits>;

/// An op that computes, with the methods of ComputeOp whose defaults do not suit it.
class DeepSeek_Compute<string mnemonic, list<Trait> traits = [], list<string> overridden = []>
    : DeepSeek_Op<mnemonic, traits # [DeclareOpInterfaceMethods<DeepSeek_ComputeOp, overridden>]>;

#endif // FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKDIALECT_TD
