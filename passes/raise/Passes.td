// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes of the raise phase: from graphs as exporters wrote them to the deepseek dialect.

#ifndef FATHOM_PASSES_RAISE_PASSES_TD
#define FATHOM_PASSES_RAISE_PASSES_TD

include "mlir/Pass/PassBase.td"
include "passes/support/Within.td"

def OrderNodes : Pass<"fathom-order-nodes", "mlir::ModuleOp"> {
  let summary = "put nodes in one order, whatever order a model lists them in";
  let description = [{
    Nodes come in the order in which results need them, first inputs first, so that what comes of a graph is the same
    however its exporter sorted it. What nobody needs stands behind all others.

    Numeric contract: exact. Test: test/passes/raise/order-nodes.mlir.
  }];
}

def SimplifyNodes : Pass<"fathom-simplify-nodes", "mlir::ModuleOp">, Within<"1e-5"> {
  let summary = "spell in one way what operators spell in several";
  let description = [{
    Exporters and opsets have many words for one thing. After this pass there is one: sums and norms that are one operator
    become two, products of a bias become product and sum, whatever only changes a shape is a Reshape, a Split is Slices, a
    quotient by a root is a product with its Reciprocal, a square is a product. Products of matrices are MatMul: an Einsum
    of two operands is one whose batch goes by the letters of its result, with a factor for each letter of one operand
    alone. Later patterns know these alone.

    Numeric contract: within 1e-5, since a product with a reciprocal rounds twice.
    Test: test/passes/raise/simplify-nodes.mlir.
  }];
}

def RaiseFixedCaches : Pass<"fathom-raise-fixed-caches", "mlir::ModuleOp">, Within<"1e-5"> {
  let summary = "recognize caches of a fixed length";
  let description = [{
    Where keys and values are written to caches that are as long as any sequence, by `TensorScatter`, and `Attention` is told
    how many of their positions count, the caches become ones that end with the tokens so far, and attention causal. What
    is written where and what is seen is not read off the nodes but evaluated, of any numbers and for sequences with and
    without a past, and compared with causal attention to what was there and, behind it, what is new. The input that
    says where to write is taken to be the number of tokens so far, the other that with the new ones.

    Numeric contract: within 1e-5. Test: test/passes/raise/raise-fixed-caches.mlir.
  }];
}

def SimplifyAttention : Pass<"fathom-simplify-attention", "mlir::ModuleOp">, Within<"1e-5"> {
  let summary = "take operators apart that do all about attention";
  let description = [{
    `GroupQueryAttention`, `MultiHeadAttention`, `RotaryEmbedding` of both domains and `Attention` of rows of heads become what they are made of:
    heads apart, norms of heads, `fathom.Rotate` with rows of tables, the past before the positions of the call, and
    attention of [batch, heads, positions, width]. What is left out (windows, soft caps, sinks) stays as it is.

    Numeric contract: within 1e-5. Test: test/passes/raise/simplify-attention.mlir.
  }];
}

def RaiseWeights : Pass<"fathom-raise-weights", "mlir::ModuleOp">, Within<"1e-5"> {
  let summary = "recognize weights that are stored as other numbers";
  let description = [{
    What makes a matrix of constants of 8 bits or fewer becomes `fathom.Dequantize`: `DequantizeLinear` with one scale, one for
    each row or column, or one for each block; the weight of `MatMulNBits`, which becomes a product, and the table of
    `GatherBlockQuantized`; numbers that are converted and multiplied by a grid of scales, however that is expanded to
    one for each number. Columns of `MatMulNBits` in groups that are not side by side stay as they are, and so does what is
    quantized while the model runs: its scale depends on all tokens of a call.

    Numeric contract: within 1e-5; what a graph rounds to f16 in between is not rounded.
    Test: test/passes/raise/raise-weights.mlir.
  }];
  let dependentDialects = ["fathom::deepseek::DeepSeekDialect"];
}

def SimplifyExperts : Pass<"fathom-simplify-experts", "mlir::ModuleOp">, Within<"1e-5"> {
  let summary = "take operators apart that do a whole layer of experts";
  let description = [{
    onnxruntime's `MoE` becomes a choice of experts, their matrices gathered for each row, and a weighted sum. The matrices of
    `QMoE` become `fathom.Dequantize` of stacks. One with biases, with an activation other than SwiGLU, or with matrices that
    are not constant, stays as it is.

    Numeric contract: within 1e-5. Test: test/passes/raise/simplify-experts.mlir.
  }];
}

def RaiseNorms : Pass<"fathom-raise-norms", "mlir::ModuleOp">, Within<"1e-5"> {
  let summary = "recognize root-mean-square norms";
  let description = [{
    `x · Reciprocal(Sqrt(ReduceMean(x · x) + eps))` becomes `RMSNormalization`, and so does that times a vector, whichever
    is multiplied first. The mean must be that of the last dimension, and eps be under the root.

    Numeric contract: within 1e-5. Test: test/passes/raise/raise-norms.mlir.
  }];
}

def RaiseRotations : Pass<"fathom-raise-rotations", "mlir::ModuleOp"> {
  let summary = "recognize rotary embedding";
  let description = [{
    `x · cos + Concat(−x₂, x₁) · sin`, where x₁ and x₂ are the halves of x along its last dimension, becomes
    `fathom.Rotate`, and so does `Concat(u · cos − v · sin, v · cos + u · sin)` of halves u and v, or of the elements at
    even and at odd places, which are brought into halves first. Pairs may be a dimension of their own, as of complex
    numbers. What cosine and sine are is not looked at here.

    Numeric contract: exact. Test: test/passes/raise/raise-rotations.mlir.
  }];
}

def RaiseSwiGlu : Pass<"fathom-raise-swiglu", "mlir::ModuleOp">, Within<"1e-6"> {
  let summary = "recognize gated activations";
  let description = [{
    `gate · Sigmoid(gate) · up` becomes `fathom.SwiGlu`.

    Numeric contract: within 1e-6. Test: test/passes/raise/raise-swiglu.mlir.
  }];
}

def OrderHeads : Pass<"fathom-order-heads", "mlir::ModuleOp"> {
  let summary = "bring heads of attention in front of positions";
  let description = [{
    Some exporters leave heads where projections have them, in [batch, positions, heads, width]: scores are then transposed
    products, or products with keys that all heads share. What is between products and their softmax, factors and masks, is
    computed with heads in front instead, and so is the sum behind it.

    Numeric contract: exact. Test: test/passes/raise/order-heads.mlir.
  }];
}

def RaiseExperts : Pass<"fathom-raise-experts", "mlir::ModuleOp">, Within<"1e-5"> {
  let summary = "recognize layers of routed experts";
  let description = [{
    What is between the logits of a gate and the sum of its experts becomes `fathom.Experts`, with a stack of matrices for
    each product. Graphs choose and weigh experts in as many ways as there are exporters: a loop over all, one product of
    all, tokens gathered and scattered, sorted by their experts and sliced, matrices gathered. None is matched. A layer is what all that follows from the
    logits goes through, with networks `down · (silu(gate · x) · up · x)` in it; it is evaluated with networks that
    leave a mark of their expert, for many logits and with any numbers for the bias, and raised where a routing gives all
    of its weights. Layers that are alike are evaluated once. Experts in an order of their own are put in that of the logits.
    Numbers that the sum is multiplied by are part of the routing.

    Numeric contract: within 1e-5, as experts add up in another order. Test: test/passes/raise/raise-experts.mlir.
  }];
  let options = [
    Option<"folder", "folder", "std::string", "\"\"", "where the files of the module are">,
  ];
}

def RaiseAttention : Pass<"fathom-raise-attention", "mlir::ModuleOp">, Within<"1e-5"> {
  let summary = "recognize softmax attention";
  let description = [{
    `Softmax(scale · Q Kᵀ + mask) V` becomes `Attention`, with the scale wherever it is multiplied, and with masks that are
    added or that choose between a score and a number below all scores. A sum of two products of parts of queries and keys
    is the product of the parts side by side.

    Numeric contract: within 1e-5. Test: test/passes/raise/raise-attention.mlir.
  }];
}

def RaiseSparseAttention : Pass<"fathom-raise-sparse-attention", "mlir::ModuleOp"> {
  let summary = "recognize attention to what an indexer chooses";
  let description = [{
    A `TopK` of index scores, Σ_h weight_h · max(0, query_h · key), of positions that are not behind the query, says what
    attention is to see: by its mask, or as the keys and values that are gathered. Either becomes `fathom.SparseAttention`.
    What follows from the choices is not matched but evaluated, of any choices: the mask must show what is chosen
    and not behind the query, and what is gathered be the rows that are chosen.

    Numeric contract: exact for sequences that are not padded. Test: test/passes/raise/raise-sparse-attention.mlir.
  }];
  let options = [
    Option<"folder", "folder", "std::string", "\"\"", "where the files of the module are">,
  ];
}

def RaiseCausalMasks : Pass<"fathom-raise-causal-masks", "mlir::ModuleOp"> {
  let summary = "recognize masks that hide what comes later";
  let description = [{
    How masks are computed differs more than anything else, so that they are not matched but evaluated: for sequences
    with and without a past, about every constant that the computation has. A mask that is 0 where a key is not behind its
    query, and hides all others each time, becomes `is_causal` of its `Attention`. An input that is ones where nothing
    is padded, and one that is positions, are taken to be that.

    Numeric contract: exact for sequences that are not padded. Test: test/passes/raise/raise-causal-masks.mlir.
  }];
  let options = [
    Option<"folder", "folder", "std::string", "\"\"", "where the files of the module are">,
  ];
}

def ExpandAbsorbedAttention : Pass<"fathom-expand-absorbed-attention", "mlir::ModuleOp">, Within<"1e-5"> {
  let summary = "expand what latent attention has absorbed";
  let description = [{
    DeepSeek's own code attends to latents as they are: queries are multiplied by the matrices that would make keys of
    latents, and results by those that would make values. Fathom has one form of latent attention, of keys and values, and
    absorbs where that is faster. So `(q A) · c` becomes `q · (A c)`, and `(Σ p c) B` becomes `Σ p (c B)`.

    Numeric contract: within 1e-5. Test: test/passes/raise/expand-absorbed-attention.mlir.
  }];
}

def ConvertOnnxToDeepSeek : Pass<"fathom-convert-onnx-to-deepseek", "mlir::ModuleOp">, Within<"1e-4", "1e-3"> {
  let summary = "make a language model of a graph";
  let description = [{
    Where the logits of `@main` follow from token ids by operators that were recognized, `@main` becomes
    `@forward`: tokens are rows, whatever sequence they are of, and what attention remembers is in stores. A tensor
    of the graph is a view of rows: its dimensions are those of the batch, of the sequence, or columns.

    Options say what no graph does: how many positions there are, and what stores keep numbers as.

    Numeric contract: within 1e-4, and 1e-3 of graphs of 16 bits: their tables of cosines and sines are rounded, and the
    frequencies that they stand for are not. Test: test/passes/raise/convert-onnx-to-deepseek.mlir.
  }];
  let dependentDialects = ["fathom::deepseek::DeepSeekDialect", "mlir::arith::ArithDialect", "mlir::tensor::TensorDialect"];
  let options = [
    Option<"maxContext", "max-context", "int64_t", "0", "positions to serve; 0: as there are tables for, 4096 at most">,
    Option<"cacheType", "cache-type", "std::string", "\"f32\"", "what stores keep numbers as: f32, bf16 or fp8">,
    Option<"folder", "folder", "std::string", "\"\"", "where the files of the module are">,
  ];
}

def OutlineLayers : Pass<"fathom-outline-layers", "mlir::ModuleOp"> {
  let summary = "make a function of each layer";
  let description = [{
    A layer begins where all that goes on is one value of rows, a sum or the embedding, and a cache; it has the ops that
    read and write one layer of the cache. `@forward` calls it, and shows the states that `fathom run --states` writes.

    Numeric contract: exact. Test: test/passes/raise/outline-layers.mlir.
  }];
}

def ShareLayers : Pass<"fathom-share-layers", "mlir::ModuleOp"> {
  let summary = "have layers that are alike share one function";
  let description = [{
    Layers that differ in their weights alone become one function, and each weight of theirs a stack that has one for
    each layer, so that a model of many layers is compiled as fast as one of few.

    Numeric contract: exact. Test: test/passes/raise/share-layers.mlir.
  }];
}

def VerifyRaiseOutput : Pass<"fathom-verify-raise-output", "mlir::ModuleOp"> {
  let summary = "check the contract of the raise phase";
  let description = [{
    Nothing of the `onnx` dialect is left, and there is `@forward`. Marks the module as of phase `deepseek`: what comes
    behind does not know where it is from.
  }];
}

#endif // FATHOM_PASSES_RAISE_PASSES_TD
