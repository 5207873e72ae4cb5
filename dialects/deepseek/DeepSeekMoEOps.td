// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mixture of experts: the gate, the experts, and the steps that routing lowers to.

#ifndef FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKMOEOPS_TD
#define FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKMOEOPS_TD

include "dialects/deepseek/DeepSeekAttrs.td"
include "dialects/deepseek/DeepSeekTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def DeepSeek_MoEGateOp : DeepSeek_Compute<"moe_gate", [Pure], ["getF32Weights", "staysF32"]> {
  let summary = "chooses experts for each row";
  let description = [{
    `logits` [rows, E] → the experts' ids, best first, and their weights, both [rows, top_k], by `routing`. `bias` [E]
    is added to scores for the choice and never to weights. A row with a NaN among its biased scores has NaN weights.

    Constraints: (C1) top_k ≤ E and groups divide E; (C2) the bias is [E]; (C3) results have width top_k.

    Example:
    ```mlir
    %ids, %w = deepseek.moe_gate %logits bias %b
        <sigmoid, top2_sum, top_k = 8, groups = 8, top_groups = 4, normalize = true, factor = 2.5>
        : (tensor<?x256xf32>, tensor<256xf32>) -> (tensor<?x8xi32>, tensor<?x8xf32>)
    ```
  }];
  let arguments = (ins DeepSeek_F32Activation:$logits, Optional<DeepSeek_WeightTensor>:$bias,
                       DeepSeek_RoutingAttr:$routing);
  let results = (outs DeepSeek_Choices:$ids, DeepSeek_F32Activation:$weights);
  let assemblyFormat = [{
    $logits (`bias` $bias^)? $routing attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def DeepSeek_MoEExpertsOp : DeepSeek_Compute<"moe_experts", [Pure, AttrSizedOperandSegments,
    AllTypesMatch<["input", "result"]>], ["getIdLimit", "staysF32"]> {
  let summary = "the chosen experts' SwiGLU networks, weighted and summed";
  let description = [{
    `result[t] = Σ_j weights[t, j] · D[e] (silu(G[e] x[t]) · U[e] x[t])` with e = ids[t, j] and j ascending; G, U, D
    are `gate`, `up` [E, I, H] and `down` [E, H, I], each with its scales where quantized.
    `fathom-lower-moe-routing` turns it into token permutation and grouped products.

    Constraints: (C1) gate and up have one type, with the input's width; (C2) down's shape agrees; (C3) f8 weights have
    scales, as in `deepseek.linear`; (C4) ids and weights have one width.

    Example:
    ```mlir
    %y = deepseek.moe_experts %x, %ids, %w, %gate, %up, %down
        : (tensor<?x128xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<12x32x128xbf16>, tensor<12x32x128xbf16>,
           tensor<12x128x32xbf16>) -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$input, DeepSeek_Choices:$ids, DeepSeek_F32Activation:$weights,
                       DeepSeek_WeightTensor:$gate, DeepSeek_WeightTensor:$up, DeepSeek_WeightTensor:$down,
                       Optional<DeepSeek_WeightTensor>:$gate_scale, Optional<DeepSeek_WeightTensor>:$up_scale,
                       Optional<DeepSeek_WeightTensor>:$down_scale, OptionalAttr<DeepSeek_BlockScaleAttr>:$block);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = [{
    $input `,` $ids `,` $weights `,` $gate `,` $up `,` $down
    (`scale` $gate_scale^ `,` $up_scale `,` $down_scale $block)? attr-dict `:` functional-type(operands, $result)
  }];
  let hasVerifier = 1;
}

def DeepSeek_MoEPermuteOp : DeepSeek_Compute<"moe_permute", [Pure, AllTypesMatch<["ids", "slots"]>],
                                             ["getResultRows", "getItemCount", "getIdLimit"]> {
  let summary = "sorts (token, choice) pairs by expert";
  let description = [{
    A stable counting sort of the rows·k pairs by expert; a *slot* is a place in the sorted list. `offsets` [E+1]: where
    each expert's slots begin; `source_rows` [rows·k]: the row that each slot reads; `slots` [rows, k]: where each pair
    went.

    With ids [[1, 0], [1, 2]] and 3 experts the sorted pairs are (row 0, expert 0), (0, 1), (1, 1), (1, 2): offsets are
    [0, 1, 3, 4], source_rows [0, 0, 1, 1] and slots [[1, 0], [2, 3]].

    Constraints: (C1) offsets have the shape [experts + 1].

    Example:
    ```mlir
    %offsets, %rows, %slots = deepseek.moe_permute %ids experts 12
        : (tensor<?x2xi32>) -> (tensor<13xi32>, tensor<?xi32>, tensor<?x2xi32>)
    ```
  }];
  let arguments = (ins DeepSeek_Choices:$ids, DeepSeek_Size:$experts);
  let results = (outs DeepSeek_Ids:$offsets, DeepSeek_Ids:$source_rows, DeepSeek_Choices:$slots);
  let assemblyFormat = "$ids `experts` $experts attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

class DeepSeek_MoELinearLike<string mnemonic>
    : DeepSeek_Compute<mnemonic, [Pure],
                       ["getRowsOperand", "getResultRows", "getItemCount", "getPackableWeight", "setPackableWeight",
                        "convertsActivations"]> {
  let arguments = (ins DeepSeek_ProductInput:$input, DeepSeek_Ids:$offsets, DeepSeek_Ids:$source_rows,
                       DeepSeek_AnyWeight:$weight, Optional<DeepSeek_AnyWeight>:$scale,
                       OptionalAttr<DeepSeek_BlockScaleAttr>:$block, UnitAttr:$gather, DeepSeek_Size:$top_k);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = [{
    (`gather` $gather^)? $input `,` $offsets `,` $source_rows `,` $weight (`scale` $scale^ $block)? `top_k` $top_k
    attr-dict `:` functional-type(operands, $result)
  }];
  let hasVerifier = 1;
}

def DeepSeek_MoELinearOp : DeepSeek_MoELinearLike<"moe_linear"> {
  let summary = "each slot through its expert's linear map";
  let description = [{
    `result[s] = W[e] · input[gather ? source_rows[s] : s]` for s in [offsets[e], offsets[e+1]): a grouped product,
    [rows·k, N]. Weights as in `deepseek.linear`, with a leading dimension of experts. `offsets` and `source_rows` are
    those of `deepseek.moe_permute`; `top_k` is its k.

    Constraints: (C1), (C2), (C3) and (C6) of `deepseek.linear`, for each expert; (C4) the offsets are [E + 1].

    Example:
    ```mlir
    %y = deepseek.moe_linear %h, %offsets, %rows, %down top_k 2
        : (tensor<?x32xf32>, tensor<13xi32>, tensor<?xi32>, tensor<12x128x32xbf16>) -> tensor<?x128xf32>
    ```
  }];
}

def DeepSeek_MoELinearSwiGluOp : DeepSeek_MoELinearLike<"moe_linear_swiglu"> {
  let summary = "each slot through its expert's gate and up projections and SwiGLU";
  let description = [{
    `deepseek.linear_swiglu` as a grouped product: operands and constraints as in `deepseek.moe_linear`, the weight's
    rows as in `deepseek.linear_swiglu`.

    Example:
    ```mlir
    %h = deepseek.moe_linear_swiglu gather %x, %offsets, %rows, %w top_k 2
        : (tensor<?x128xf32>, tensor<13xi32>, tensor<?xi32>, tensor<12x64x128xbf16>) -> tensor<?x32xf32>
    ```
  }];
}

def DeepSeek_MoECombineOp : DeepSeek_Compute<"moe_combine", [Pure, IsolatedFromAbove],
                                             ["getRowsOperand", "readsAllRows", "getEpilogueSlot", "staysF32"]> {
  let summary = "the weighted sum of each row's experts";
  let description = [{
    `result[t] = epilogue(Σ_j weights[t, j] · input[slots[t, j]], extras[t]…)`, j ascending: from slots back to rows.
    The epilogue is as in `deepseek.linear`.

    Constraints: (C1) input and result have one width; (C2) slots and weights have one width; (C3) is C4 of
    `deepseek.linear`.

    Example:
    ```mlir
    %z = deepseek.moe_combine %y, %slots, %w
        : (tensor<?x128xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$input, DeepSeek_Choices:$slots, DeepSeek_F32Activation:$weights,
                       Variadic<DeepSeek_Activation>:$extras);
  let regions = (region MaxSizedRegion<1>:$epilogue);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = [{
    $input `,` $slots `,` $weights (`epilogue` `(` $extras^ `)` $epilogue)? attr-dict `:`
    functional-type(operands, $result)
  }];
  let hasVerifier = 1;
}

#endif // FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKMOEOPS_TD
