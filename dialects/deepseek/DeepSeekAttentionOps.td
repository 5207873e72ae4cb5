// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary embedding, the cache, grouped-query attention, multi-head latent attention in its two forms, and the choice of
// positions that makes it sparse.

#ifndef FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKATTENTIONOPS_TD
#define FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKATTENTIONOPS_TD

include "dialects/deepseek/DeepSeekAttrs.td"
include "dialects/deepseek/DeepSeekTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def DeepSeek_RopeOp : DeepSeek_Compute<"rope", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "rotates each head of a row by the row's position";
  let description = [{
    A row is heads side by side, each of `head_dim` numbers, of which the first 2·pairs turn, as many as the table
    [positions, pairs, 2] has angles for; the rest of a head stays as it is. Without `head_dim` all of a head turns. For
    pair i of a head of row t, with (c, s) = `table[positions[t], i]`: `(u, v) → (u·c − v·s, u·s + v·c)`. `layout` says
    which of the numbers that turn are a pair; they stay where they were. The table is that of `deepseek.rope_table`.

    Constraints: (C1) the table is [positions, pairs, 2]; (C2) head_dim is 2·pairs or more, and divides the width.

    Examples, the query of 12 heads, and an index key of 128 numbers that begins with 64 to turn:
    ```mlir
    %r = deepseek.rope half_split %q, %t at %p : tensor<?x1536xf32>, tensor<4096x64x2xf32>, tensor<?xi32>
    %s = deepseek.rope half_split %k, %u at %p {head_dim = 128 : i64}
        : tensor<?x128xf32>, tensor<4096x32x2xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$input, DeepSeek_WeightTensor:$table, DeepSeek_Ids:$positions,
                       DeepSeek_RopeLayout:$layout, OptionalAttr<DeepSeek_Size>:$head_dim);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = [{
    $layout $input `,` $table `at` $positions attr-dict `:` type($input) `,` type($table) `,` type($positions)
  }];
  let builders = [
    // All of a head turns.
    OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$input, "::mlir::Value":$table, "::mlir::Value":$positions,
                   "RopeLayout":$layout),
              [{ build($_builder, $_state, type, input, table, positions, layout, ::mlir::IntegerAttr()); }]>
  ];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Numbers of a head that turn, the first.
    int64_t getTurnedWidth() { return 2 * getTable().getType().getDimSize(1); }
    /// Numbers of a head.
    int64_t getHeadWidth() { return getHeadDim().value_or(getTurnedWidth()); }
    /// Whether a row is one head, all of which turns.
    bool turnsWholeRow() { return getTurnedWidth() == getWidth(getType()); }
  }];
}

def DeepSeek_CacheAppendOp : DeepSeek_Compute<"cache_append", [AllTypesMatch<["cache", "result"]>], ["getRowsOperand"]> {
  let summary = "writes a row of a store for each token";
  let description = [{
    Writes row t of the parts, side by side, at position `positions[t]` of row t's sequence, in the part of `layer`. The
    result is the cache after the writes; what reads them takes the result.

    Constraints: (C1) the cache has the store; (C2) the widths of the parts add up to that of its
    rows; (C3) a store of several heads takes one part, their rows side by side.

    Example, a latent and its key, and the values of grouped-query attention:
    ```mlir
    %d = deepseek.cache_append %c["latent"][%layer], %latent, %key at %p
        : !deepseek.cache<latent: 576 x f32>, tensor<?x512xf32>, tensor<?x64xf32> at tensor<?xi32>
    %e = deepseek.cache_append %f["value"][%layer], %v at %p
        : !deepseek.cache<key: 2 x 128 x f32, value: 2 x 128 x f32>, tensor<?x256xf32> at tensor<?xi32>
    ```
  }];
  let arguments = (ins DeepSeek_CacheType:$cache, StrAttr:$store, Index:$layer, Variadic<DeepSeek_Activation>:$parts,
                       DeepSeek_Ids:$positions);
  let results = (outs DeepSeek_CacheType:$result);
  let assemblyFormat = [{
    $cache `[` $store `]` `` `[` $layer `]` `,` $parts `at` $positions attr-dict `:` type($cache) `,` type($parts) `at`
    type($positions)
  }];
  let hasVerifier = 1;
}

def DeepSeek_MlaAppendOp : DeepSeek_Compute<"mla_append", [AllTypesMatch<["cache", "result"]>], ["getRowsOperand"]> {
  let summary = "norm of the latent, rotation of the key and cache write in one";
  let description = [{
    With r the width of `norm`: `cache_append(cache["latent"], rms_norm(input[:, :r], norm, eps), rope(input[:, r:], table))`.
    `fathom-fuse-rope-cache-write` makes it.

    Constraints: (C1) the norm's shape is [r], r below the width; (C2) the table's is [positions, (width − r)/2, 2];
    (C3) the cache has a store "latent" of the input's width; (C4) eps is finite and 0 or more.

    Example:
    ```mlir
    %d = deepseek.mla_append interleaved %c[%layer], %kv, %norm, %t at %p eps 1.0e-06
        : !deepseek.cache<latent: 576 x f32>, tensor<?x576xf32>, tensor<512xbf16>, tensor<4096x32x2xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins DeepSeek_CacheType:$cache, Index:$layer, DeepSeek_Activation:$input,
                       DeepSeek_WeightTensor:$norm, DeepSeek_WeightTensor:$table, DeepSeek_Ids:$positions,
                       F64Attr:$eps, DeepSeek_RopeLayout:$layout);
  let results = (outs DeepSeek_CacheType:$result);
  let assemblyFormat = [{
    $layout $cache `[` $layer `]` `,` $input `,` $norm `,` $table `at` $positions `eps` $eps attr-dict `:`
    type($cache) `,` type($input) `,` type($norm) `,` type($table) `,` type($positions)
  }];
  let hasVerifier = 1;
}

def DeepSeek_GqaAttentionOp : DeepSeek_Compute<"gqa_attention", [], ["staysF32"]> {
  let summary = "grouped-query attention: heads that share a key and value in groups";
  let description = [{
    With H = num_heads, G = num_kv_heads, d = head_dim, the query [rows, H·d] after its rotation, and a cache of stores
    "key" and "value"; a group of H/G heads has one key and value, g(h) = ⌊h / (H/G)⌋:

    ```
    p_h(t, ·) = softmax_u(softmax_scale · q_h(t) · k_g(h)(u)),   u ≤ positions[t] in row t's sequence
    result[t, h] = Σ_u p_h(t, u) v_g(h)(u)
    ```

    (Ainslie et al., arXiv 2305.13245.) Sums over positions ascend. G = H is multi-head attention, G = 1 multi-query.

    With `parts`, the result is that many parts of each row for `deepseek.attention_combine`, which says what they are.

    Constraints: (C1) num_kv_heads divides num_heads; (C2) query and result are num_heads · head_dim wide, the result
    with parts f32 and parts · num_heads · (head_dim + 2); (C3) the cache has stores "key" and "value" of num_kv_heads
    rows of head_dim numbers.

    Example:
    ```mlir
    %y = deepseek.gqa_attention %q, %c[%layer] at %p
        {num_heads = 12 : i64, num_kv_heads = 2 : i64, head_dim = 128 : i64, softmax_scale = 0.08838834764831845 : f64}
        : (tensor<?x1536xf32>, !deepseek.cache<key: 2 x 128 x f32, value: 2 x 128 x f32>, index, tensor<?xi32>) -> tensor<?x1536xf32>
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$query, DeepSeek_CacheType:$cache, Index:$layer, DeepSeek_Ids:$positions,
                       DeepSeek_Size:$num_heads, DeepSeek_Size:$num_kv_heads, DeepSeek_Size:$head_dim,
                       F64Attr:$softmax_scale, OptionalAttr<DeepSeek_Size>:$parts);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = [{
    $query `,` $cache `[` $layer `]` `at` $positions attr-dict `:` functional-type(operands, $result)
  }];
  let hasVerifier = 1;
}

def DeepSeek_AttentionCombineOp : DeepSeek_Compute<"attention_combine", [], ["staysF32"]> {
  let summary = "attention of a row from that to parts of its keys";
  let description = [{
    Of n keys that a row attends to, part i of `parts` has those from i · s on, s of them or as many as there are left,
    with s = 64 · max(2, ⌈n / (64 · parts)⌉): where parts begin follows from n, and those of few keys are not cut. Of each
    part there are, side by side, the numbers of all heads, [num_heads, width], then a number m and a number l for each
    head. With x(u) the score of a key, times softmax_scale:

    ```
    m_i = max_u x(u),   l_i = Σ_u exp(x(u) − m_i),   part_i = Σ_u exp(x(u) − m_i) v(u)
    result = Σ_i exp(m_i − m) part_i / Σ_i exp(m_i − m) l_i,   m = max_i m_i
    ```

    Of a part without keys l is 0, and the rest is not read. Parts are added in order, each to those before it.
    A part of a row is work of its own, so that one long row keeps a GPU busy. `fathom-split-attention` makes it.

    Constraints: (C1) the input is parts · num_heads · (width + 2) wide, where the result is num_heads · width.

    Example, of 128 heads in 16 parts:
    ```mlir
    %b = deepseek.attention_combine %p {num_heads = 128 : i64, parts = 16 : i64}
        : tensor<?x1052672xf32> -> tensor<?x65536xf32>
    ```
  }];
  let arguments = (ins DeepSeek_F32Activation:$input, DeepSeek_Size:$num_heads, DeepSeek_Size:$parts);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

class DeepSeek_MlaOp<string mnemonic, list<string> overridden = []> : DeepSeek_Compute<mnemonic, [], overridden> {
  let results = (outs DeepSeek_Activation:$result);
  let hasVerifier = 1;
}

def DeepSeek_MlaAttentionOp : DeepSeek_MlaOp<"mla_attention"> {
  let summary = "multi-head latent attention, expanded form";
  let description = [{
    With H heads, `kv_b` [H·(dn+dv), r], the query [rows, H·(dn+dr)] before its rotation, and the rows
    (c, k_pe) of the store "latent" of the row's sequence up to its own position:

    ```
    k_h(u) = W_UK[h] c(u) ‖ k_pe(u),   v_h(u) = W_UV[h] c(u)
    p_h(t, ·) = softmax_u(softmax_scale · (q_nope ‖ rope(q_pe))_h(t) · k_h(u)),   u ≤ positions[t]
    result[t, h] = Σ_u p_h(t, u) v_h(u)
    ```

    (DeepSeek-V2, arXiv 2405.04434, §2.1.) The rows are one sequence's, at consecutive positions, when a kernel runs it;
    the meaning does not need that. `scale` and `block` are those of a quantized `kv_b`, as in `deepseek.linear`.
    Prefill keeps this form; for decode `fathom-absorb-mla-projections` turns it into the three ops below.

    Constraints: (C1) widths agree with num_heads, nope_dim, rope_dim, value_dim and the cache's store "latent", whose
    rows are wider than rope_dim; (C2) the table is [positions, rope_dim/2, 2]; (C3) f8 weights have a scale, as in
    `deepseek.linear`.

    Example:
    ```mlir
    %y = deepseek.mla_attention interleaved %q, %c[%layer], %kv_b, %t at %p
        {num_heads = 16 : i64, nope_dim = 128 : i64, rope_dim = 64 : i64, value_dim = 128 : i64,
         softmax_scale = 0.1147213867929261 : f64}
        : (tensor<?x3072xf32>, !deepseek.cache<latent: 576 x f32>, index, tensor<4096x512xbf16>, tensor<4096x32x2xf32>,
           tensor<?xi32>) -> tensor<?x2048xf32>
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$query, DeepSeek_CacheType:$cache, Index:$layer,
                       DeepSeek_WeightTensor:$kv_b, Optional<DeepSeek_WeightTensor>:$scale,
                       DeepSeek_WeightTensor:$table, DeepSeek_Ids:$positions,
                       OptionalAttr<DeepSeek_BlockScaleAttr>:$block,
                       DeepSeek_Size:$num_heads, DeepSeek_Size:$nope_dim, DeepSeek_Size:$rope_dim, DeepSeek_Size:$value_dim,
                       F64Attr:$softmax_scale,
                       DeepSeek_RopeLayout:$layout);
  let assemblyFormat = [{
    $layout $query `,` $cache `[` $layer `]` `,` $kv_b (`scale` $scale^ $block)? `,` $table `at` $positions attr-dict
    `:` functional-type(operands, $result)
  }];
  let extraClassDeclaration = [{
    int64_t getLatentDim() { return getCache().getType().getWidth(kLatentStore) - getRopeDim(); }
  }];
}

def DeepSeek_MlaAbsorbQueryOp : DeepSeek_MlaOp<"mla_absorb_query", ["getItemCount"]> {
  let summary = "the query in latent space";
  let description = [{
    `result[t, h] = W_UK[h]ᵀ q_nope[t, h] ‖ rope(q_pe[t, h])`, [rows, H·(r+dr)]: the key projection moved to the query
    side, so that attention can read the cache as it is. Attributes as in `deepseek.mla_attention`.

    Constraints: (C1) widths agree with num_heads, nope_dim, rope_dim and value_dim; (C2) the table is
    [positions, rope_dim/2, 2]; (C3) f8 weights have a scale, as in `deepseek.linear`.

    Example:
    ```mlir
    %a = deepseek.mla_absorb_query interleaved %q, %kv_b, %t at %p
        {num_heads = 16 : i64, nope_dim = 128 : i64, rope_dim = 64 : i64, value_dim = 128 : i64}
        : (tensor<?x3072xf32>, tensor<4096x512xbf16>, tensor<4096x32x2xf32>, tensor<?xi32>) -> tensor<?x9216xf32>
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$query, DeepSeek_WeightTensor:$kv_b,
                       Optional<DeepSeek_WeightTensor>:$scale, DeepSeek_WeightTensor:$table,
                       DeepSeek_Ids:$positions, OptionalAttr<DeepSeek_BlockScaleAttr>:$block,
                       DeepSeek_Size:$num_heads, DeepSeek_Size:$nope_dim, DeepSeek_Size:$rope_dim, DeepSeek_Size:$value_dim,
                       DeepSeek_RopeLayout:$layout);
  let assemblyFormat = [{
    $layout $query `,` $kv_b (`scale` $scale^ $block)? `,` $table `at` $positions attr-dict `:`
    functional-type(operands, $result)
  }];
}

def DeepSeek_MlaLatentAttentionOp : DeepSeek_MlaOp<"mla_latent_attention", ["staysF32"]> {
  let summary = "attention over latents: one key and value for all heads";
  let description = [{
    `result[t, h] = Σ_u softmax_u(softmax_scale · query[t, h] · cache(u)) c(u)` over u ≤ positions[t], [rows, H·r]; c(u)
    is the first r numbers of a row of the store "latent". The query is that of `deepseek.mla_absorb_query`.

    With a `selection`, over its positions alone: those of a row ascend, are `positions[t]` or less, and at least one;
    −1 stands behind the last, as `deepseek.index_select` gives them. Sums go by the number of a key among those
    selected, so that a selection of every position has the bits of none.

    With `parts`, the result is that many parts of each row for `deepseek.attention_combine`, which says what they are,
    [rows, parts · H·(r+2)], f32.

    Constraints: (C1) widths agree with num_heads, parts and the cache's store "latent", whose rows are wider than
    rope_dim; (C2) parts are f32.

    Examples, over all positions and over 2048 of them:
    ```mlir
    %b = deepseek.mla_latent_attention %a, %c[%layer] at %p
        {num_heads = 16 : i64, rope_dim = 64 : i64, softmax_scale = 0.1147213867929261 : f64}
        : (tensor<?x9216xf32>, !deepseek.cache<latent: 576 x f32>, index, tensor<?xi32>) -> tensor<?x8192xf32>
    %e = deepseek.mla_latent_attention %a, %c[%layer] select %s at %p
        {num_heads = 16 : i64, rope_dim = 64 : i64, softmax_scale = 0.1147213867929261 : f64}
        : (tensor<?x9216xf32>, !deepseek.cache<latent: 576 x f32>, index, tensor<?x2048xi32>, tensor<?xi32>)
        -> tensor<?x8192xf32>
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$query, DeepSeek_CacheType:$cache, Index:$layer,
                       Optional<DeepSeek_Choices>:$selection, DeepSeek_Ids:$positions,
                       DeepSeek_Size:$num_heads, DeepSeek_Size:$rope_dim, F64Attr:$softmax_scale,
                       OptionalAttr<DeepSeek_Size>:$parts);
  let assemblyFormat = [{
    $query `,` $cache `[` $layer `]` (`select` $selection^)? `at` $positions attr-dict `:`
    functional-type(operands, $result)
  }];
  let extraClassDeclaration = [{
    int64_t getLatentDim() { return getCache().getType().getWidth(kLatentStore) - getRopeDim(); }
  }];
}

def DeepSeek_MlaExpandOutputOp : DeepSeek_MlaOp<"mla_expand_output", ["getItemCount"]> {
  let summary = "attention output out of latent space";
  let description = [{
    `result[t, h] = W_UV[h] · input[t, h]`, [rows, H·dv]: the value projection after attention. With it the three ops
    equal `deepseek.mla_attention` in exact arithmetic.

    Constraints: (C1) widths agree with num_heads, nope_dim and value_dim; (C2) f8 weights have a scale, as in
    `deepseek.linear`.

    Example:
    ```mlir
    %y = deepseek.mla_expand_output %b, %kv_b {num_heads = 16 : i64, nope_dim = 128 : i64, value_dim = 128 : i64}
        : (tensor<?x8192xf32>, tensor<4096x512xbf16>) -> tensor<?x2048xf32>
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$input, DeepSeek_WeightTensor:$kv_b,
                       Optional<DeepSeek_WeightTensor>:$scale, OptionalAttr<DeepSeek_BlockScaleAttr>:$block,
                       DeepSeek_Size:$num_heads, DeepSeek_Size:$nope_dim, DeepSeek_Size:$value_dim);
  let assemblyFormat = [{
    $input `,` $kv_b (`scale` $scale^ $block)? attr-dict `:` functional-type(operands, $result)
  }];
}

def DeepSeek_HadamardOp : DeepSeek_Compute<"hadamard", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "spreads the numbers of each head over all of it";
  let description = [{
    Each head x of d = head_dim numbers becomes `H_d x / √d`, H_d the Walsh–Hadamard matrix in Sylvester's order:
    `H_1 = [1]`, `H_2n = [[H_n, H_n], [H_n, −H_n]]`, so number i is `Σ_j (−1)^popcount(i & j) x_j / √d`.

    It is orthogonal and its own inverse: of an index query and an index key alike, it leaves their product as it is and
    makes what rounding the key to few bits costs about the same everywhere. It belongs to both or to neither.

    Constraints: (C1) head_dim is a power of two, and divides the width.

    Example: `%h = deepseek.hadamard %q {head_dim = 128 : i64} : tensor<?x8192xf32>`.
  }];
  let arguments = (ins DeepSeek_Activation:$input, DeepSeek_Size:$head_dim);
  let results = (outs DeepSeek_Activation:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def DeepSeek_IndexSelectOp : DeepSeek_Compute<"index_select", [], ["staysF32"]> {
  let summary = "the positions that a row attends to, by a lightning indexer";
  let description = [{
    With H = num_heads, d = head_dim, the query [rows, H·d] after its rotation, `weights` [rows, H], and k(u) the row of
    the store "index" of position u in row t's sequence:

    ```
    score_t(u) = Σ_h weights[t, h] · max(0, query_h(t) · k(u)),   u ≤ positions[t]
    result[t]  = the top_k positions with the largest scores, ascending, then −1
    ```

    (DeepSeek-V3.2, arXiv 2512.02556, §2.1.) Of equal scores the lowest positions are taken; NaN is less than any
    number. Sums over heads and within a head ascend. The model scales scores by `H^(−1/2) · d^(−1/2)`, too: positive,
    it changes no choice, and is left out here. A row of no more than top_k positions has them all, whatever
    their scores, which are not computed.

    Constraints: (C1) the query is num_heads · head_dim and the weights are num_heads wide, and the cache has a store
    "index" of head_dim numbers; (C2) the result is top_k wide.

    Example:
    ```mlir
    %s = deepseek.index_select %q, %w, %c[%layer] at %p {num_heads = 64 : i64, head_dim = 128 : i64, top_k = 2048 : i64}
        : (tensor<?x8192xf32>, tensor<?x64xf32>, !deepseek.cache<latent: 576 x f32, index: 128 x f32>, index,
           tensor<?xi32>) -> tensor<?x2048xi32>
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$query, DeepSeek_F32Activation:$weights, DeepSeek_CacheType:$cache, Index:$layer,
                       DeepSeek_Ids:$positions, DeepSeek_Size:$num_heads, DeepSeek_Size:$head_dim, DeepSeek_Size:$top_k);
  let results = (outs DeepSeek_Choices:$result);
  let assemblyFormat = [{
    $query `,` $weights `,` $cache `[` $layer `]` `at` $positions attr-dict `:` functional-type(operands, $result)
  }];
  let hasVerifier = 1;
}

def DeepSeek_IndexCandidatesOp : DeepSeek_Compute<"index_candidates", [], ["staysF32"]> {
  let summary = "the best positions in each part of a row's context";
  let description = [{
    Half of `deepseek.index_select`, whose operands and attributes it has: positions 0 to positions[t] are cut into
    blocks of 64. Of these part i takes those from ⌊i · blocks / n⌋ up to where part i + 1 begins, with n the whole part
    of (positions[t] + 1) / (2 · top_k), but 1 at least and `parts` at most; parts from n on take none. So no more than half
    of what a row sees are candidates, or there is one part. For each part the top_k positions with the largest scores,
    ascending, and their scores; behind them positions are −1 and scores 0. Of a row of no more than top_k positions all
    are candidates, with scores of 0, none of which is computed. A score may be off by as much as the bound of its part,
    0 where scores are as they are defined.
    `deepseek.index_merge` takes the best of them.

    A part of a row is work of its own, so that one row keeps several threads busy.
    `fathom-lower-sparse-attention` makes it where a call has few rows.

    Constraints: (C1) as of `deepseek.index_select`; (C2) scores and ids are parts · top_k wide, bounds parts.

    Example:
    ```mlir
    %v, %i, %b = deepseek.index_candidates %q, %w, %c[%layer] at %p
        {num_heads = 64 : i64, head_dim = 128 : i64, top_k = 2048 : i64, parts = 16 : i64}
        : (tensor<?x8192xf32>, tensor<?x64xf32>, !deepseek.cache<latent: 576 x f32, index: 128 x f32>, index,
           tensor<?xi32>) -> (tensor<?x32768xf32>, tensor<?x32768xi32>, tensor<?x16xf32>)
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$query, DeepSeek_F32Activation:$weights, DeepSeek_CacheType:$cache, Index:$layer,
                       DeepSeek_Ids:$positions, DeepSeek_Size:$num_heads, DeepSeek_Size:$head_dim, DeepSeek_Size:$top_k,
                       DeepSeek_Size:$parts);
  let results = (outs DeepSeek_F32Activation:$scores, DeepSeek_Choices:$ids, DeepSeek_F32Activation:$bounds);
  let assemblyFormat = [{
    $query `,` $weights `,` $cache `[` $layer `]` `at` $positions attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def DeepSeek_IndexMergeOp : DeepSeek_Compute<"index_merge", [], ["staysF32"]> {
  let summary = "the best of the candidates of all parts of a row's context";
  let description = [{
    The other half of `deepseek.index_select`: of the candidates of a row, as `deepseek.index_candidates` gives them, the
    top_k with the largest scores, ascending, then −1. Ties and NaN are as there. The best of all positions are
    among the best of their parts, and a score does not depend on the part that computes it: any number of parts gives
    what `index_select` does. Where the bounds of parts leave open which are the largest, those scores are computed.

    Constraints: (C1) as of `deepseek.index_candidates`, with scores, ids and bounds for its results; (C2) the result is
    top_k wide.

    Example:
    ```mlir
    %s = deepseek.index_merge %v, %i within %b by %q, %w, %c[%layer] at %p
        {num_heads = 64 : i64, head_dim = 128 : i64, top_k = 2048 : i64, parts = 16 : i64}
        : (tensor<?x32768xf32>, tensor<?x32768xi32>, tensor<?x16xf32>, tensor<?x8192xf32>, tensor<?x64xf32>,
           !deepseek.cache<latent: 576 x f32, index: 128 x f32>, index, tensor<?xi32>) -> tensor<?x2048xi32>
    ```
  }];
  let arguments = (ins DeepSeek_F32Activation:$scores, DeepSeek_Choices:$ids, DeepSeek_F32Activation:$bounds,
                       DeepSeek_Activation:$query, DeepSeek_F32Activation:$weights, DeepSeek_CacheType:$cache, Index:$layer,
                       DeepSeek_Ids:$positions, DeepSeek_Size:$num_heads, DeepSeek_Size:$head_dim, DeepSeek_Size:$top_k,
                       DeepSeek_Size:$parts);
  let results = (outs DeepSeek_Choices:$result);
  let assemblyFormat = [{
    $scores `,` $ids `within` $bounds `by` $query `,` $weights `,` $cache `[` $layer `]` `at` $positions attr-dict `:`
    functional-type(operands, $result)
  }];
  let hasVerifier = 1;
}

def DeepSeek_SparseAttentionOp : DeepSeek_MlaOp<"sparse_attention", ["staysF32"]> {
  let summary = "multi-head latent attention to the positions that an indexer selects";
  let description = [{
    `deepseek.mla_attention`, where the softmax and the sum run over the positions alone that `deepseek.index_select`
    gives for `index_query`, `index_weights`, `index_heads` (its num_heads), `index_dim` (its head_dim) and `top_k`: all
    heads of a row attend to the same. `fathom-lower-sparse-attention` makes of it what suits an entry point.

    Constraints: (C1), (C2), (C3) as of `deepseek.mla_attention`; (C4) the index query is index_heads · index_dim and the
    index weights are index_heads wide, and the cache has a store "index" of index_dim numbers.

    Example:
    ```mlir
    %y = deepseek.sparse_attention interleaved %q, %c[%layer], %kv_b, %t index %iq, %iw at %p
        {num_heads = 128 : i64, nope_dim = 128 : i64, rope_dim = 64 : i64, value_dim = 128 : i64,
         softmax_scale = 0.1352337788608801 : f64, index_heads = 64 : i64, index_dim = 128 : i64, top_k = 2048 : i64}
        : (tensor<?x24576xf32>, !deepseek.cache<latent: 576 x f32, index: 128 x f32>, index, tensor<32768x512xbf16>,
           tensor<4096x32x2xf32>, tensor<?x8192xf32>, tensor<?x64xf32>, tensor<?xi32>) -> tensor<?x16384xf32>
    ```
  }];
  let arguments = (ins DeepSeek_Activation:$query, DeepSeek_CacheType:$cache, Index:$layer,
                       DeepSeek_WeightTensor:$kv_b, Optional<DeepSeek_WeightTensor>:$scale,
                       DeepSeek_WeightTensor:$table, DeepSeek_Activation:$index_query,
                       DeepSeek_F32Activation:$index_weights, DeepSeek_Ids:$positions,
                       OptionalAttr<DeepSeek_BlockScaleAttr>:$block,
                       DeepSeek_Size:$num_heads, DeepSeek_Size:$nope_dim, DeepSeek_Size:$rope_dim, DeepSeek_Size:$value_dim,
                       F64Attr:$softmax_scale,
                       DeepSeek_Size:$index_heads, DeepSeek_Size:$index_dim, DeepSeek_Size:$top_k,
                       DeepSeek_RopeLayout:$layout);
  let assemblyFormat = [{
    $layout $query `,` $cache `[` $layer `]` `,` $kv_b (`scale` $scale^ $block)? `,` $table `index` $index_query `,`
    $index_weights `at` $positions attr-dict `:` functional-type(operands, $result)
  }];
  let extraClassDeclaration = [{
    int64_t getLatentDim() { return getCache().getType().getWidth(kLatentStore) - getRopeDim(); }
  }];
}

#endif // FATHOM_DIALECTS_DEEPSEEK_DEEPSEEKATTENTIONOPS_TD
