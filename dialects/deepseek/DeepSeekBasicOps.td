// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Embedding, norms, linear maps, SwiGLU and what moves rows about.

#ifndef FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKBASICOPS_TD
#define FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKBASICOPS_TD

include "dialects/deepseek/DeepSeekAttrs.td"
include "dialects/deepseek/DeepSeekTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def DeepSeek_EmbeddingOp : DeepSeek_Compute<"embedding", [Pure], ["getIdLimit"]> {
  let summary = "rows of the embedding table";
  let description = [{
    `result[t] = table[tokens[t]]`, converted to the result's type. Token ids are in range: the runtime checks them.

    Constraints: (C1) the table is [V, H] and the result [rows, H]; (C2) V and H are the module's `vocabulary` and
    `hidden`.

    Example: `%x = deepseek.embedding %tokens, %table : (tensor<?xi32>, tensor<512x128xbf16>) -> tensor<?x128xf32>`.
  }];
  let arguments = (ins DeepSeek_Ids:$tokens, DeepSeek_WeightTensor:$table);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = "$tokens `,` $table attr-dict `:` functional-type(operands, $result)";
  let hasVerifier = 1;
}

def DeepSeek_SelectRowsOp : DeepSeek_Compute<"select_rows", [Pure], ["getRowsOperand", "readsAllRows", "getIdLimit"]> {
  let summary = "some rows of an activation";
  let description = [{
    `result[i] = input[rows[i]]`. Stands before the logits, which only some rows of a call want.

    Constraints: (C1) input and result have one width.

    Example: `%y = deepseek.select_rows %x, %ids : (tensor<?x128xf32>, tensor<?xi32>) -> tensor<?x128xf32>`.
  }];
  let arguments = (ins DeepSeek_Activation:$input, DeepSeek_Ids:$rows);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = "$input `,` $rows attr-dict `:` functional-type(operands, $result)";
  let hasVerifier = 1;
}

def DeepSeek_ArgmaxOp : DeepSeek_Compute<"argmax", [Pure], ["staysF32"]> {
  let summary = "the largest number of each row";
  let description = [{
    `result[t]` is the column of the largest number of row t, of equal ones the first; -1 if one is not finite. The token
    that a greedy caller wants, found where the logits are: a GPU need not send them.

    Constraints: (C1) the input is f32, of one column at least.

    Example: `%token = deepseek.argmax %logits : tensor<?x512xf32> -> tensor<?xi32>`.
  }];
  let arguments = (ins DeepSeek_Activation:$input);
  let results = (outs DeepSeek_Ids:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def DeepSeek_RecordStateOp : DeepSeek_Op<"record_state"> {
  let summary = "shows a layer's residual stream to whoever asked for states";
  let description = [{
    Copies `input` to `fathom_call.states` at `layer`, if the caller gave memory for it: what `fathom run --states`
    writes. Not pure, so no pass removes it.

    Constraints: (C1) the width is the module's `hidden`.

    Example: `deepseek.record_state %x layer 3 : tensor<?x128xf32>`.
  }];
  let arguments = (ins DeepSeek_Activation:$input, I64Attr:$layer);
  let assemblyFormat = "$input `layer` $layer attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def DeepSeek_RmsNormOp : DeepSeek_Compute<"rms_norm", [Pure, AllShapesMatch<["input", "result"]>],
                                          ["convertsActivations"]> {
  let summary = "root-mean-square norm of each row, or of each group of its columns";
  let description = [{
    `result = input / sqrt(mean(input²) + eps) · weight` (Zhang and Sennrich, arXiv 1910.07467), all in f32. A weight of
    fewer numbers than a row normalizes every group of that many columns alone: each head of a query or key.

    Constraints: (C1) the weight is a vector whose size divides the width; (C2) eps is finite and 0 or more.

    Examples, the second with a result of another type:
    ```mlir
    %n = deepseek.rms_norm %x, %w eps 1.0e-06 : tensor<?x128xf32>, tensor<128xbf16>
    %m = deepseek.rms_norm %x, %w eps 1.0e-06 : tensor<?x128xf32>, tensor<128xbf16> -> tensor<?x128xbf16>
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$input, DeepSeek_WeightTensor:$weight, F64Attr:$eps);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = "$input `,` $weight `eps` $eps attr-dict `:` type($input) `,` type($weight)"
                       "`` custom<ResultType>(type($result), ref(type($input)))";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Columns that are normalized together.
    int64_t getGroupWidth() { return getWeight().getType().getDimSize(0); }
    bool hasOneGroup() { return getGroupWidth() == getWidth(getType()); }
  }];
}

def DeepSeek_AddRmsNormOp : DeepSeek_Compute<"add_rms_norm", [Pure,
    AllTypesMatch<["input", "residual", "sum", "result"]>]> {
  let summary = "residual sum and its norm";
  let description = [{
    `sum = input + residual; result = rms_norm(sum, weight, eps)`. `fathom-fuse-residual-norm` makes it, so that both
    are computed in one pass over the row. The norm is that of the sum as it is given, rounded to its type.

    Constraints: (C1) the weight's shape is [width]; (C2) eps is finite and 0 or more.

    Example: `%sum, %n = deepseek.add_rms_norm %x, %r, %w eps 1.0e-06 : tensor<?x128xf32>, tensor<128xbf16>`.
  }];
  let arguments = (ins DeepSeek_Activation:$input, DeepSeek_Activation:$residual, DeepSeek_WeightTensor:$weight,
                       F64Attr:$eps);
  let results = (outs DeepSeek_Activation:$sum, DeepSeek_Activation:$result);
  let assemblyFormat = [{
    $input `,` $residual `,` $weight `eps` $eps attr-dict `:` type($input) `,` type($weight)
  }];
  let hasVerifier = 1;
}

def DeepSeek_LayerNormOp : DeepSeek_Compute<"layer_norm", [Pure, AllShapesMatch<["input", "result"]>],
                                            ["getF32Weights", "convertsActivations"]> {
  let summary = "norm of each row around its mean, with a bias";
  let description = [{
    `result = (input − mean) / sqrt(mean((input − mean)²) + eps) · weight + bias`, mean that of a row's numbers (Ba et
    al., arXiv 1607.06450), all in f32.

    Constraints: (C1) weight and bias are vectors [width]; (C2) eps is finite and 0 or more.

    Example: `%n = deepseek.layer_norm %x, %w, %b eps 1.0e-06 : tensor<?x128xf32>, tensor<128xbf16>, tensor<128xbf16>`.
  }];
  let arguments = (ins DeepSeek_Activation:$input, DeepSeek_WeightTensor:$weight, DeepSeek_Bias:$bias, F64Attr:$eps);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = [{
    $input `,` $weight `,` $bias `eps` $eps attr-dict `:` type($input) `,` type($weight) `,` type($bias)
    `` custom<ResultType>(type($result), ref(type($input)))
  }];
  let hasVerifier = 1;
}

class DeepSeek_LinearLike<string mnemonic, dag bias = (ins)>
    : DeepSeek_Compute<mnemonic, [Pure, AttrSizedOperandSegments, IsolatedFromAbove],
                       ["getItemCount", "getPackableWeight", "setPackableWeight", "getEpilogueSlot",
                        "convertsActivations"]> {
  let arguments = !con(
    (ins DeepSeek_ProductInput:$input, DeepSeek_AnyWeight:$weight, Optional<DeepSeek_AnyWeight>:$scale),
    bias,
    (ins Variadic<DeepSeek_EpilogueExtra>:$extras, OptionalAttr<DeepSeek_BlockScaleAttr>:$block)
  );
  let regions = (region MaxSizedRegion<1>:$epilogue);
  let results = (outs DeepSeek_Activation:$result);
  let hasVerifier = 1;
}

def DeepSeek_LinearOp : DeepSeek_LinearLike<"linear", (ins Optional<DeepSeek_Bias>:$bias)> {
  let summary = "a linear map of each row";
  let description = [{
    `result[t, n] = epilogue(Σ_k input[t, k] · W[n, k] + bias[n], extras[t, n]…)`, f32, with k ascending. W is `weight`,
    in whatever layout. A quantized weight brings a `scale` and says which `block` of W one scale covers. An extra is [rows, N], or a vector [N] that every row reads.
    Without an epilogue region the sum itself is the result. Kernels add what their epilogue adds:
    `fathom-fuse-epilogues` makes a bias an extra.

    Constraints: (C1) K agrees; (C2) N is the result's width, and the layout does not interleave; (C3) f8 weights have
    a scale of the shape that `block` implies, in the weight's layout, and others have none; (C4) the epilogue takes the sum and one f32 per extra and
    yields an f32; extras have the result's type or are vectors [N]; (C5) the bias is [N]; (C6) only a weight of i8, in blocks
    of 1 x 32, is multiplied with an input of i8.

    Example:
    ```mlir
    %y = deepseek.linear %x, %w epilogue(%residual) {
    ^bb0(%sum: f32, %r: f32):
      %0 = arith.addf %sum, %r : f32
      deepseek.yield %0 : f32
    } : (tensor<?x128xf32>, tensor<48x128xbf16>, tensor<?x48xf32>) -> tensor<?x48xf32>
    ```
  }];
  let assemblyFormat = [{
    $input `,` $weight (`scale` $scale^ $block)? (`bias` $bias^)? (`epilogue` `(` $extras^ `)` $epilogue)?
    attr-dict `:` functional-type(operands, $result)
  }];
}

def DeepSeek_LinearSwiGluOp : DeepSeek_LinearLike<"linear_swiglu"> {
  let summary = "gate and up projections and their SwiGLU in one";
  let description = [{
    `result = silu(input · Gᵀ) · (input · Uᵀ)` with the rows of G and then those of U in one `weight`, [2·N, K]. Scales,
    epilogue and constraints as in `deepseek.linear`, where C2 counts the rows of both, and a layout interleaves them.
    `fathom-fuse-gate-up` makes it.

    Example: `%y = deepseek.linear_swiglu %x, %w : (tensor<?x128xf32>, tensor<96x128xbf16>) -> tensor<?x48xf32>`.
  }];
  let assemblyFormat = [{
    $input `,` $weight (`scale` $scale^ $block)? (`epilogue` `(` $extras^ `)` $epilogue)?
    attr-dict `:` functional-type(operands, $result)
  }];
}

def DeepSeek_QuantizeRowsOp : DeepSeek_Compute<"quantize_rows", [Pure, AllShapesMatch<["input", "result"]>]> {
  let summary = "rows in integers of 8 bits, for products with weights that are";
  let description = [{
    Of each group of 32 columns, `scale = max(|input|) / 127` in f32 and `integer = input / scale`, rounded to nearest, of two
    the even one. The result stands for `integer · scale`: of i8 as the integers and their scales, which products read
    (`fathom_row_bytes` of kernel_abi.h says how they lie), of f32 as those numbers. A group with a number that is not
    finite has none that is. `fathom-quantize-activations` makes it.

    Example: `%q = deepseek.quantize_rows %x : tensor<?x128xf32> -> tensor<?x128xi8>`.
  }];
  let arguments = (ins DeepSeek_F32Activation:$input);
  let results = (outs DeepSeek_RowsOf<[F32, I8], "f32 or i8">:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def DeepSeek_SwiGluOp : DeepSeek_Compute<"swiglu", [Pure, AllTypesMatch<["gate", "up", "result"]>]> {
  let summary = "gated activation";
  let description = [{
    `result = gate / (1 + exp(−gate)) · up` (Shazeer, arXiv 2002.05202), element by element.

    Example: `%y = deepseek.swiglu %gate, %up : tensor<?x48xf32>`.
  }];
  let arguments = (ins DeepSeek_Activation:$gate, DeepSeek_Activation:$up);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = "$gate `,` $up attr-dict `:` type($result)";
}

#endif // FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKBASICOPS_TD
