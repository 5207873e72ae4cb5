// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights: symbols for what checkpoints hold, recipes for what a target wants.

#ifndef FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKWEIGHTOPS_TD
#define FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKWEIGHTOPS_TD

include "dialects/deepseek/DeepSeekAttrs.td"
include "dialects/deepseek/DeepSeekTypes.td"
include "dialects/deepseek/WeightSymbol.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def DeepSeek_WeightOp : DeepSeek_Op<"weight", [Symbol, DeepSeek_WeightSymbol]> {
  let summary = "a stack of checkpoint tensors of one shape and type";
  let description = [{
    Names the tensors that play one part in the model: one for the whole model (`layers` absent), one for each layer
    in `layers`, or one for each layer and expert (a leading dimension of `type`, `experts` = true). `pattern` is
    the tensors' name in the checkpoint. `locations` gives (shard, byte offset) of each, layer-major; bytes stay in
    the checkpoint until the packer or the runtime reads them. `scale` says that the numbers scale those of another
    weight, so that a negative one is a mistake of the checkpoint. Numbers of less than a byte are packed from its lowest
    bits up; recipes alone read them.

    Constraints: (C1) locations hold a pair for each layer and expert, not negative; (C2) a tensor of the checkpoint is
    a vector or a matrix, with `experts` under a dimension of experts; (C3) layers ascend from 0 or more,
    below the module's `layers`; (C4) scales are f32; (C5) numbers of less than a byte are a matrix whose rows end with
    one.

    Example:
    ```mlir
    deepseek.weight @moe.mlp.experts.down_proj : tensor<12x128x32xbf16> experts layers [1, 2]
        from "model.layers.{layer}.mlp.experts.{expert}.down_proj.weight" at [0, 1024, 0, 9216 /* … */]
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    TypeAttrOf<DeepSeek_StoredTensor>:$type,
    UnitAttr:$experts,
    UnitAttr:$scale,
    OptionalAttr<DenseI64ArrayAttr>:$layers,
    StrAttr:$pattern,
    DenseI64ArrayAttr:$locations
  );
  let assemblyFormat = [{
    $sym_name `:` $type (`experts` $experts^)? (`scale` $scale^)? (`layers` $layers^)? `from` $pattern `at` $locations
    attr-dict
  }];
  let hasVerifier = 1;
}

def DeepSeek_RecipeOp : DeepSeek_Op<"recipe", [Symbol, DeepSeek_WeightSymbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "a weight made from others by the packer";
  let description = [{
    A weight like any other to its users; its bytes are made once, by the packer, from the ops of the region. The
    region describes one layer; `layers` says for which layers it runs. Everything in it is per expert where the
    sources are.

    Constraints: (C1) the region takes nothing and yields a value of `type`; (C2) with `experts`, `type` begins with a
    dimension of experts; (C3) layers ascend from 0 or more,
    below the module's `layers`.

    Example:
    ```mlir
    deepseek.recipe @moe.self_attn.qkv_a : tensor<128x128xbf16> layers [1, 2] {
      %q = deepseek.source @moe.self_attn.q_a_proj : tensor<48x128xbf16>
      %kv = deepseek.source @moe.self_attn.kv_a_proj_with_mqa : tensor<80x128xbf16>
      %both = deepseek.concat_rows %q, %kv : (tensor<48x128xbf16>, tensor<80x128xbf16>) -> tensor<128x128xbf16>
      deepseek.yield %both : tensor<128x128xbf16>
    }
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    TypeAttrOf<DeepSeek_AnyWeight>:$type,
    UnitAttr:$experts,
    OptionalAttr<DenseI64ArrayAttr>:$layers
  );
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `:` $type (`experts` $experts^)? (`layers` $layers^)? $body attr-dict";
  let hasRegionVerifier = 1;
}

def DeepSeek_DenseNumbers : ElementsAttrBase<CPred<"::llvm::isa<::mlir::DenseElementsAttr>($_self)">, "dense numbers"> {
  let storageType = "::mlir::DenseElementsAttr";
  let returnType = "::mlir::DenseElementsAttr";
  let convertFromStorage = "$_self";
}

class DeepSeek_RecipeStep<string mnemonic, list<Trait> traits = []> :
    DeepSeek_Op<mnemonic, traits # [Pure, HasParent<"RecipeOp">]>;

def DeepSeek_SourceOp
    : DeepSeek_RecipeStep<"source", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the bytes of a weight, in a recipe";
  let description = [{
    Of the layer that the recipe is run for, if the weight has `layers`.

    Constraints: (C1) `weight` names a `deepseek.weight` of the result's type; (C2) it has the recipe's layers and,
    where the recipe has them, experts.

    Example: `%q = deepseek.source @moe.self_attn.q_a_proj : tensor<48x128xbf16>`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs DeepSeek_StoredTensor:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

def DeepSeek_ConcatRowsOp : DeepSeek_RecipeStep<"concat_rows"> {
  let summary = "rows of several weights, one after the other";
  let description = [{
    `result[n] = (a ‖ b ‖ …)[n]` along the outputs: the dimension before the last, or that of a vector.

    Constraints: (C1) sources differ in rows only; (C2) the result has the rows of all.

    Example: `%c = deepseek.concat_rows %a, %b : (tensor<48x128xbf16>, tensor<80x128xbf16>) -> tensor<128x128xbf16>`.
  }];
  let arguments = (ins Variadic<DeepSeek_WeightTensor>:$sources);
  let results = (outs DeepSeek_WeightTensor:$result);
  let assemblyFormat = "$sources attr-dict `:` functional-type($sources, $result)";
  let hasVerifier = 1;
}

def DeepSeek_SliceRowsOp : DeepSeek_RecipeStep<"slice_rows"> {
  let summary = "some rows of a matrix";
  let description = [{
    `result[n] = source[begin + n · step]`, of every expert. For graphs whose matrices are of several projections: rows side
    by side in a file need none, those of a matrix that is transposed first, and those that come in turns do.

    Constraints: (C1) the result differs in rows only; (C2) the last of them is one of the source's.

    Example: `%up = deepseek.slice_rows %w begin 1 step 2 : tensor<128x48xf32> -> tensor<64x48xf32>`.
  }];
  let arguments = (ins DeepSeek_WeightMatrix:$source, ConfinedAttr<I64Attr, [IntNonNegative]>:$begin,
                       DeepSeek_Size:$step);
  let results = (outs DeepSeek_WeightMatrix:$result);
  let assemblyFormat = "$source `begin` $begin `step` $step attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def DeepSeek_ExpandScaleOp : DeepSeek_RecipeStep<"expand_scale"> {
  let summary = "block scales as one row of scales per output";
  let description = [{
    `result[n, b] = scale[n / rows, b]`: after it, rows of different weights can be mixed.

    Constraints: (C1) the scale has a row for each `rows` of the result, and otherwise its type; (C2) scales are f32.

    Example: `%e = deepseek.expand_scale %s rows 128 : tensor<12x56xf32> -> tensor<1536x56xf32>`.
  }];
  let arguments = (ins DeepSeek_WeightMatrix:$scale, DeepSeek_Size:$rows);
  let results = (outs DeepSeek_WeightMatrix:$result);
  let assemblyFormat = "$scale `rows` $rows attr-dict `:` type($scale) `->` type($result)";
  let hasVerifier = 1;
}

def DeepSeek_ToF32Op : DeepSeek_RecipeStep<"to_f32"> {
  let summary = "a weight converted to f32, exactly";
  let description = [{
    For gate biases, which kernels read as f32, and for what no kernel reads.

    Constraints: (C1) the result is the source's shape of f32.

    Example: `%f = deepseek.to_f32 %b : tensor<256xbf16> -> tensor<256xf32>`.
  }];
  let arguments = (ins DeepSeek_StoredTensor:$source);
  let results = (outs DeepSeek_WeightTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def DeepSeek_ToBF16Op : DeepSeek_RecipeStep<"to_bf16"> {
  let summary = "a weight rounded to bf16";
  let description = [{
    To the nearest, of two the even one; NaN stays NaN. For weights in more bits than products are to read.

    Constraints: (C1) the source is of floats; (C2) the result is its shape of bf16.

    Example: `%r = deepseek.to_bf16 %w : tensor<48x128xf32> -> tensor<48x128xbf16>`.
  }];
  let arguments = (ins DeepSeek_WeightTensor:$source);
  let results = (outs DeepSeek_WeightTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def DeepSeek_DequantizeOp : DeepSeek_RecipeStep<"dequantize"> {
  let summary = "the numbers that those of a quantized matrix stand for";
  let description = [{
    `result[n, k] = (numbers[n, k] − zero) · scales[n / rows, k / columns]`, of every expert, where `zero` is that of
    `zeros` in the same place, the attribute, or 0. In f32, rounded once to the type of the result. For what no kernel
    reads as it is stored: one that does takes the scales beside the weight.

    Constraints: (C1) operands are f32, the result is f32 or bf16; (C2) numbers have the rows of the result, and its columns or
    more: others are not read; (C3) scales have a number for each block, at edges of ragged ones, too; (C4) so have
    zeros, whose rows may be longer, and there are not both zeros and a zero.

    Example:
    ```mlir
    %w = deepseek.dequantize %n scales %s zero 8.0 block <1 x 32>
        : (tensor<48x128xf32>, tensor<48x4xf32>) -> tensor<48x128xf32>
    ```
  }];
  let arguments = (ins DeepSeek_WeightMatrix:$numbers, DeepSeek_WeightMatrix:$scales,
                       Optional<DeepSeek_WeightMatrix>:$zeros, OptionalAttr<F64Attr>:$zero,
                       DeepSeek_BlockScaleAttr:$block);
  let results = (outs DeepSeek_WeightMatrix:$result);
  let assemblyFormat = [{
    $numbers `scales` $scales (`zeros` $zeros^)? (`zero` $zero^)? `block` $block attr-dict
    `:` functional-type(operands, $result)
  }];
  let hasVerifier = 1;
}

def DeepSeek_QuantizeOp : DeepSeek_RecipeStep<"quantize"> {
  let summary = "the numbers of a matrix in 8 bits, in groups that share a scale";
  let description = [{
    `result[n, k] = source[n, k] / scale`, rounded to the nearest, of two the even one, and at most 127 either way, of FP8
    448: the scale is what `quantize_scales` gives the group of inputs that k is in. Where that is 0, 0.

    Constraints: (C1) the source is of floats; (C2) the result is its shape of i8 or f8E4M3FN.

    Example: `%q = deepseek.quantize %w group 32 : tensor<48x128xbf16> -> tensor<48x128xi8>`.
  }];
  let arguments = (ins DeepSeek_WeightMatrix:$source, DeepSeek_Size:$group);
  let results = (outs DeepSeek_WeightMatrix:$result);
  let assemblyFormat = "$source `group` $group attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def DeepSeek_QuantizeScalesOp : DeepSeek_RecipeStep<"quantize_scales"> {
  let summary = "the scales of a matrix that is quantized";
  let description = [{
    Of the `group` inputs k from g · group on, `result[n, g] = max |source[n, k]| / 127` as f16, rounded once, and at most
    the largest finite number, for integers; as f32 for FP8, `max |source[n, k]| / 448`. The last group may be of fewer.

    Constraints: (C1) the source is of floats; (C2) the result is f16 or f32, with a number for each group of a row.

    Example: `%s = deepseek.quantize_scales %w group 32 : tensor<48x128xbf16> -> tensor<48x4xf16>`.
  }];
  let arguments = (ins DeepSeek_WeightMatrix:$source, DeepSeek_Size:$group);
  let results = (outs DeepSeek_WeightMatrix:$result);
  let assemblyFormat = "$source `group` $group attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def DeepSeek_TransposeOp : DeepSeek_RecipeStep<"transpose"> {
  let summary = "a matrix with rows and columns exchanged";
  let description = [{
    `result[n, k] = source[k, n]`, of every expert. For graphs that multiply by [inputs, outputs].

    Constraints: (C1) the result is the source's shape with the last two dimensions exchanged.

    Example: `%t = deepseek.transpose %w : tensor<128x48xf32> -> tensor<48x128xf32>`.
  }];
  let arguments = (ins DeepSeek_WeightMatrix:$source);
  let results = (outs DeepSeek_WeightMatrix:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def DeepSeek_ConstantOp : DeepSeek_RecipeStep<"constant", [AllTypesMatch<["value", "result"]>]> {
  let summary = "numbers that the compiler has itself";
  let description = [{
    What no file holds as it is wanted: a graph has it in its message, or computes it of constants.

    Example: `%c = deepseek.constant dense<1.0> : tensor<64xf32>`.
  }];
  let arguments = (ins DeepSeek_DenseNumbers:$value);
  let results = (outs DeepSeek_WeightTensor:$result);
  let assemblyFormat = "attr-dict $value";
}

def DeepSeek_ConvertLayoutOp : DeepSeek_RecipeStep<"convert_layout"> {
  let summary = "a weight in a layout that kernels read";
  let description = [{
    The same matrix with its bytes in the order that `#deepseek.layout` says.

    Constraints: (C1) the result is the source's type in a layout.

    Example:
    ```mlir
    %p = deepseek.convert_layout %w : tensor<48x128xbf16> -> tensor<48x128xbf16, #deepseek.layout<panels = 32>>
    ```
  }];
  let arguments = (ins DeepSeek_WeightMatrix:$source);
  let results = (outs DeepSeek_AnyWeight:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def DeepSeek_RopeTableOp : DeepSeek_Compute<"rope_table", [Pure], ["getItemCount"]> {
  let summary = "cosine and sine of every position's rotation";
  let description = [{
    `result[p, i] = (magnitude · cos(p · f(i)), magnitude · sin(p · f(i)))`, computed in f64 and rounded once.
    f(i) is the attribute's frequency of pair i. `fathom-fold-rope-tables` moves the op into a recipe.

    Constraints: (C1) the result is [positions, pairs, 2] of f32.

    Example:
    ```mlir
    %t = deepseek.rope_table <frequencies = [1.0, 0.1], magnitude = 1.0> : tensor<4096x2x2xf32>
    ```
  }];
  let arguments = (ins DeepSeek_RopeAttr:$rope);
  let results = (outs DeepSeek_WeightTensor:$result);
  let assemblyFormat = "$rope attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def DeepSeek_YieldOp : DeepSeek_Op<"yield", [Pure, Terminator, ParentOneOf<["RecipeOp", "LinearOp",
    "LinearSwiGluOp", "MoECombineOp"]>]> {
  let summary = "ends a recipe or an epilogue with its value";
  let description = [{ Example: `deepseek.yield %0 : f32`. }];
  let arguments = (ins AnyType:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

def DeepSeek_GetWeightOp : DeepSeek_Op<"get_weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a weight, in the layer at hand";
  let description = [{
    `weight` names a `deepseek.weight` or a `deepseek.recipe`; `layer` is the index of a model layer.

    Constraints: (C1) `weight` is one, of the result's type; (C2) a layer is given exactly where the weight has
    `layers`.

    Example: `%w = deepseek.get_weight @moe.self_attn.q_a_proj[%layer] : tensor<48x128xbf16>`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight, Optional<Index>:$layer);
  let results = (outs DeepSeek_AnyWeight:$result);
  let assemblyFormat = "$weight (`[` $layer^ `]`)? attr-dict `:` type($result)";
}

#endif // FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKWEIGHTOPS_TD
