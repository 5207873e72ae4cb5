// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every operation as obvious scalar C++: the numeric truth that kernels and generated code are compared with.
//
// Arrays are dense, row-major f32 unless said otherwise; weights are decoded already (ref_decode.cpp). Sums are taken
// in f64 and rounded once. T is a number of rows (tokens). Nothing is checked, allocated for the caller, or kept.

#ifndef FATHOM_KERNELS_REF_REF_H
#define FATHOM_KERNELS_REF_REF_H

#include <cstdint>
#include <vector>

namespace fathom::ref {

// Decoding

float bf16_to_f32(uint16_t bits);
/// Rounds to nearest, ties to even; NaN stays NaN.
uint16_t f32_to_bf16(float value);
/// FP8 E4M3 (finite, NaN at 0x7f and 0xff).
float f8e4m3_to_f32(uint8_t bits);
/// Rounds to nearest, ties to even; what is larger than 448 becomes ±448, NaN stays NaN.
uint8_t f32_to_f8e4m3(float value);
/// out[n][k] = codes[n][k] * scales[n / 128][k / 128], scales [ceil(N/128)][ceil(K/128)].
void dequantize(const uint8_t *codes, const float *scales, int64_t N, int64_t K, float *out);
/// out[n][k] = numbers[n][k] * scales[n][k / 32], scales [N][ceil(K/32)].
void dequantize(const int8_t *numbers, const float *scales, int64_t N, int64_t K, float *out);

/// The scale of `count` numbers that become integers of 8 bits: max(|x|) / 127 rounded to f16, at most its largest.
float scale_of_group(const float *x, int64_t count);
/// That of numbers that become FP8: max(|x|) / 448.
float scale_of_f8_group(const float *x, int64_t count);
/// x / scale rounded to nearest, ties to even, and at most 127 either way; 0 where the scale is.
int8_t f32_to_i8(float x, float scale);

// Rows of the cache

/// How a store keeps rows of `width` numbers, of which the last `tail` are bf16 where the others are FP8.
struct RowFormat {
  int64_t element; ///< FATHOM_ROW_* of kernel_abi.h, which says where a row has what
  int64_t width;
  int64_t tail = 0;
};
/// 2^ceil(log2(max(|x|) / 448)), where the largest counts as 1e-4 to 2^127 and NaN for nothing.
float scale_of_row_block(const float *x, int64_t count);
std::vector<uint8_t> encode_row(const float *x, const RowFormat &format);
std::vector<float> decode_row(const uint8_t *row, const RowFormat &format);

// Rows

/// out[t] = table[tokens[t]], table [V, H]; zeros for a token outside [0, V).
void embedding(const int32_t *tokens, const float *table, int64_t T, int64_t V, int64_t H, float *out);
/// out[i] = x[ids[i]].
void select_rows(const float *x, const int32_t *ids, int64_t rows, int64_t H, float *out);
/// out[t] is the column of the largest number of x[t], of equal ones the first, -1 if one is not finite; x [T, V].
void argmax(const float *x, int64_t T, int64_t V, int32_t *out);
void add(const float *a, const float *b, int64_t count, float *out);
/// out[t] = x[t] + bias, x [T, N]. In place is fine.
void add_bias(const float *x, const float *bias, int64_t T, int64_t N, float *out);
/// out[t] = x[t] / sqrt(mean(x[t]^2) + eps) * w.
void rms_norm(const float *x, const float *w, int64_t T, int64_t H, double eps, float *out);
/// out[t] = (x[t] - mean) / sqrt(mean((x[t] - mean)^2) + eps) * w + bias.
void layer_norm(const float *x, const float *w, const float *bias, int64_t T, int64_t H, double eps, float *out);
/// out[t][h] = H_d * x[t][h] / sqrt(d), the Walsh-Hadamard matrix in Sylvester's order; d is a power of two.
void hadamard(const float *x, int64_t T, int64_t heads, int64_t d, float *out);
float silu(float x);
/// out[t][h] = integer * scale of x[t][h] in groups of 32: scale = max(|x|) / 127, NaN where one is not finite.
void quantize_rows(const float *x, int64_t T, int64_t H, float *out);
/// out = silu(gate) * up.
void swiglu(const float *gate, const float *up, int64_t count, float *out);
/// out[T, N] = x[T, K] * w^T, w [N, K].
void linear(const float *x, const float *w, int64_t T, int64_t K, int64_t N, float *out);

enum class RopeLayout {
  Interleaved, ///< pairs (x[2i], x[2i+1])
  HalfSplit,   ///< pairs (x[i], x[i + dr/2])
};
/// Rotates the first dr of d numbers of each head, x[t][h][:dr], by table[positions[t]], a table f32
/// [positions][dr / 2][2] of cosine and sine; the others pass. In place is fine.
void rope(const float *x, const int32_t *positions, const float *table, int64_t T, int64_t heads, int64_t d, int64_t dr,
          RopeLayout layout, float *out);

// Mixture of experts

enum class Scoring { Softmax, Sigmoid };
enum class GroupRule { None, Max, Top2Sum };

struct GateOptions {
  int64_t experts;
  int64_t chosen;
  int64_t groups = 1;
  int64_t chosen_groups = 1;
  Scoring scoring = Scoring::Softmax;
  GroupRule group_rule = GroupRule::None;
  /// Divide by the chosen scores' sum + 1e-20.
  bool normalize = false;
  double factor = 1.0;
};
/// ids, weights [T, chosen] in descending order of score + bias, ties to the lowest index. `bias` may be
/// null. Experts of dropped groups count as -inf.
void moe_gate(const float *logits, const float *bias, int64_t T, const GateOptions &options, int32_t *ids,
              float *weights);
/// Slots = (token, choice) pairs sorted by expert: offsets [E + 1], source_row [T * k], slot [T, k].
void moe_permute(const int32_t *ids, int64_t T, int64_t E, int64_t k, int32_t *offsets, int32_t *source_row,
                 int32_t *slot);
/// out[s] = x[source_row ? source_row[s] : s] * w[e]^T for the slots s of every expert e; w[e] is [N, K].
void moe_linear(const float *x, const int32_t *offsets, const int32_t *source_row, const float *const *w, int64_t E,
                int64_t K, int64_t N, float *out);
/// out[t] = sum over j of weights[t][j] * y[slot[t][j]].
void moe_combine(const float *y, const int32_t *slot, const float *weights, int64_t T, int64_t H, int64_t k,
                 float *out);

// Attention

/// scores -> exp(scores) / Σ exp(scores), in place; at least one.
void softmax(std::vector<double> &scores);

struct GqaShape {
  int64_t heads;    ///< H
  int64_t kv_heads; ///< G, divides H
  int64_t head_dim; ///< d
};
/// out [T, H * d]: attention of rotated queries [T, H * d] over keys and values [n][G * d]; row t sees 0..positions[t],
/// head h reads head h / (H / G) of both.
void gqa_attention(const float *q, const float *keys, const float *values, const int32_t *positions, int64_t T,
                   const GqaShape &shape, double scale, float *out);

// Attention in parts
//
// Of the n keys that a row attends to, part i has those from i * s on, s of them or as many as are left, with
// s = 64 * max(2, ceil(n / (64 * parts))). With x the scaled score of a key, m the largest of a part: partials
// [T, parts] are the sums of exp(x - m) * value [H, d], then m [H], then the sums of exp(x - m) [H]; those of a part
// without keys are 0.

/// Of gqa_attention, with d the width of heads.
void gqa_partials(const float *q, const float *keys, const float *values, const int32_t *positions, int64_t T,
                  const GqaShape &shape, double scale, int64_t parts, float *partials);
/// out [T, H, d]: what attention gives, from that to parts of its keys.
void attention_combine(const float *partials, int64_t T, int64_t heads, int64_t d, int64_t parts, float *out);

// Multi-head latent attention

struct MlaShape {
  int64_t heads;
  int64_t nope;  ///< dn
  int64_t rope;  ///< dr
  int64_t value; ///< dv
  int64_t rank;  ///< r
};
/// A row of the cache [r + dr] from a row of kv [r + dr]: rms_norm(kv[:r], w), rope_interleaved(kv[r:]).
void mla_append(const float *kv, const float *w, const float *table, int32_t position, int64_t r, int64_t dr,
                double eps, float *cache_row);
/// out [T, H, r + dr]: q_nope * W_UK, then rope(q_pe). q [T, H * (dn + dr)], kv_b [H * (dn + dv), r].
void mla_absorb_query(const float *q, const float *kv_b, const int32_t *positions, const float *table, int64_t T,
                      const MlaShape &shape, float *out);
/// out [T, H, r]: attention of absorbed queries over latents [keys][r + dr]; row t sees keys 0..positions[t].
void mla_latent_attention(const float *q, const float *latents, const int32_t *positions, int64_t T,
                          const MlaShape &shape, double scale, float *out);
/// The same over the positions that row t of `selection` [T, k] lists, up to the first that is negative.
void mla_selected_attention(const float *q, const float *latents, const int32_t *selection, int64_t T, int64_t k,
                            const MlaShape &shape, double scale, float *out);
/// Partials of both, with r for d.
void mla_latent_partials(const float *q, const float *latents, const int32_t *positions, int64_t T,
                         const MlaShape &shape, double scale, int64_t parts, float *partials);
void mla_selected_partials(const float *q, const float *latents, const int32_t *selection, int64_t T, int64_t k,
                           const MlaShape &shape, double scale, int64_t parts, float *partials);
/// out [T, H * dv] = W_UV * o, o [T, H, r].
void mla_expand_output(const float *o, const float *kv_b, int64_t T, const MlaShape &shape, float *out);
/// The same attention with keys and values expanded: q [T, H * (dn + dr)] before rope, out [T, H * dv].
void mla_attention(const float *q, const float *kv_b, const float *latents, const int32_t *positions,
                   const float *table, int64_t T, const MlaShape &shape, double scale, float *out);

// Sparse attention's index

struct IndexShape {
  int64_t heads;    ///< H
  int64_t head_dim; ///< d
  int64_t kept;     ///< k
};
/// Σ_h w[h] * relu(q[h] · key) in f32, of one row: q [H, d], w [H], key [d].
float index_score(const float *q, const float *w, const float *key, const IndexShape &shape);
/// out [T, k]: of positions 0..positions[t] the k with the largest Σ_h w[t][h] * relu(q[t][h] · keys[u]) in f32, ties
/// to the lowest position, NaN behind all numbers; ascending, -1 behind the last. q [T, H, d], w [T, H], keys [n][d].
void index_select(const float *q, const float *w, const float *keys, const int32_t *positions, int64_t T,
                  const IndexShape &shape, int32_t *out);
/// The same for each of `parts` runs of a row's blocks of 64 keys, as even as can be: scores, ids [T, parts, k]. A row
/// that sees no more than k keys has all of them, with scores of 0. Scores behind the last are 0.
void index_candidates(const float *q, const float *w, const float *keys, const int32_t *positions, int64_t T,
                      const IndexShape &shape, int64_t parts, float *scores, int32_t *ids);
/// out [T, k]: the best k of the candidates [T, parts, k] of each row, as index_select has them.
void index_merge(const float *scores, const int32_t *ids, int64_t T, int64_t k, int64_t parts, int32_t *out);

} // namespace fathom::ref

#endif // FATHOM_KERNELS_REF_REF_H
