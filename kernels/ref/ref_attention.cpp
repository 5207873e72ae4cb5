// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over keys and values, over latents, and what leads into and out of the space of latents.

#include "kernels/ref/ref.h"

#include <algorithm>
#include <cmath>

namespace fathom::ref {

void softmax(std::vector<double> &scores) {
  double largest = *std::max_element(scores.begin(), scores.end()), sum = 0;
  for (double &score : scores) {
    score = std::exp(score - largest);
    sum += score;
  }
  for (double &score : scores) {
    score /= sum;
  }
}

namespace {

/// `width` numbers of each row, rows `stride` numbers apart.
struct Columns {
  const float *data;
  int64_t stride;
  int64_t width;
};

} // namespace

/// scale * q · keys[n] of the first `seen` rows.
static std::vector<double> score(const float *q, const Columns &keys, int64_t seen, double scale) {
  std::vector<double> scores(seen);
  for (int64_t n = 0; n < seen; ++n) {
    for (int64_t i = 0; i < keys.width; ++i) {
      scores[n] += static_cast<double>(q[i]) * keys.data[n * keys.stride + i] * scale;
    }
  }
  return scores;
}

/// One head: out = Σ softmax(scale * q · keys[n]) values[n] over the first `seen` rows of both.
static void attend(const float *q, const Columns &keys, const Columns &values, int64_t seen, double scale, float *out) {
  std::vector<double> scores = score(q, keys, seen, scale);
  softmax(scores);
  for (int64_t i = 0; i < values.width; ++i) {
    double value = 0;
    for (int64_t n = 0; n < seen; ++n) {
      value += scores[n] * values.data[n * values.stride + i];
    }
    out[i] = static_cast<float>(value);
  }
}

namespace {

/// Where one head's numbers are in partials of a row.
struct Partials {
  float *data;
  int64_t heads, width, parts, head;

  float *values(int64_t part) const { return data + part * heads * (width + 2) + head * width; }
  float &largest(int64_t part) const { return data[part * heads * (width + 2) + heads * width + head]; }
  float &total(int64_t part) const { return data[part * heads * (width + 2) + heads * width + heads + head]; }
};

} // namespace

/// The same over a part of the rows: sums of values, which are not divided, the largest score and the sum of weights.
static void attend_to_part(const float *q, const Columns &keys, const Columns &values, int64_t seen, double scale,
                           const Partials &out, int64_t part) {
  std::vector<double> scores = score(q, keys, seen, scale);
  double largest = *std::max_element(scores.begin(), scores.end()), total = 0;
  for (double &x : scores) {
    x = std::exp(x - largest);
    total += x;
  }
  for (int64_t i = 0; i < values.width; ++i) {
    double value = 0;
    for (int64_t n = 0; n < seen; ++n) {
      value += scores[n] * values.data[n * values.stride + i];
    }
    out.values(part)[i] = static_cast<float>(value);
  }
  out.largest(part) = static_cast<float>(largest);
  out.total(part) = static_cast<float>(total);
}

/// All parts of the first `seen` rows.
static void attend_in_parts(const float *q, const Columns &keys, const Columns &values, int64_t seen, double scale,
                            const Partials &out) {
  int64_t size = std::max<int64_t>((seen + 64 * out.parts - 1) / (64 * out.parts), 2) * 64;
  for (int64_t part = 0; part < out.parts; ++part) {
    int64_t first = part * size;
    if (first < seen) {
      attend_to_part(q, {keys.data + first * keys.stride, keys.stride, keys.width},
                     {values.data + first * values.stride, values.stride, values.width}, std::min(size, seen - first),
                     scale, out, part);
    } else {
      std::fill_n(out.values(part), out.width, 0.0f);
      out.largest(part) = out.total(part) = 0;
    }
  }
}

void attention_combine(const float *partials, int64_t T, int64_t heads, int64_t d, int64_t parts, float *out) {
  for (int64_t row = 0; row < T * heads; ++row) {
    int64_t size = parts * heads * (d + 2);
    std::vector<float> of_row(partials + row / heads * size, partials + (row / heads + 1) * size);
    Partials from = {of_row.data(), heads, d, parts, row % heads};
    std::vector<double> sums(d);
    double largest = -INFINITY, total = 0;
    for (int64_t part = 0; part < parts; ++part) {
      largest = from.total(part) != 0 ? std::max<double>(largest, from.largest(part)) : largest;
    }
    for (int64_t part = 0; part < parts; ++part) {
      if (from.total(part) != 0) {
        double factor = std::exp(from.largest(part) - largest);
        total += factor * from.total(part);
        for (int64_t i = 0; i < d; ++i) {
          sums[i] += factor * from.values(part)[i];
        }
      }
    }
    for (int64_t i = 0; i < d; ++i) {
      out[row * d + i] = static_cast<float>(sums[i] / total);
    }
  }
}

void gqa_partials(const float *q, const float *keys, const float *values, const int32_t *positions, int64_t T,
                  const GqaShape &shape, double scale, int64_t parts, float *partials) {
  int64_t d = shape.head_dim, width = shape.kv_heads * d;
  for (int64_t row = 0; row < T * shape.heads; ++row) {
    int64_t t = row / shape.heads, head = row % shape.heads, first = head / (shape.heads / shape.kv_heads) * d;
    Partials out = {partials + t * parts * shape.heads * (d + 2), shape.heads, d, parts, head};
    attend_in_parts(q + row * d, {keys + first, width, d}, {values + first, width, d}, positions[t] + 1, scale, out);
  }
}

void gqa_attention(const float *q, const float *keys, const float *values, const int32_t *positions, int64_t T,
                   const GqaShape &shape, double scale, float *out) {
  int64_t d = shape.head_dim, width = shape.kv_heads * d;
  for (int64_t row = 0; row < T * shape.heads; ++row) {
    int64_t first = row % shape.heads / (shape.heads / shape.kv_heads) * d;
    attend(q + row * d, {keys + first, width, d}, {values + first, width, d}, positions[row / shape.heads] + 1, scale,
           out + row * d);
  }
}

void mla_append(const float *kv, const float *w, const float *table, int32_t position, int64_t r, int64_t dr,
                double eps, float *cache_row) {
  rms_norm(kv, w, 1, r, eps, cache_row);
  rope(kv + r, &position, table, 1, 1, dr, dr, RopeLayout::Interleaved, cache_row + r);
}

void mla_absorb_query(const float *q, const float *kv_b, const int32_t *positions, const float *table, int64_t T,
                      const MlaShape &shape, float *out) {
  int64_t query = shape.nope + shape.rope, width = shape.rank + shape.rope;
  for (int64_t row = 0; row < T * shape.heads; ++row) {
    const float *keys = kv_b + row % shape.heads * (shape.nope + shape.value) * shape.rank;
    for (int64_t c = 0; c < shape.rank; ++c) {
      double sum = 0;
      for (int64_t d = 0; d < shape.nope; ++d) {
        sum += static_cast<double>(q[row * query + d]) * keys[d * shape.rank + c];
      }
      out[row * width + c] = static_cast<float>(sum);
    }
    rope(q + row * query + shape.nope, positions + row / shape.heads, table, 1, 1, shape.rope, shape.rope,
         RopeLayout::Interleaved, out + row * width + shape.rank);
  }
}

void mla_latent_attention(const float *q, const float *latents, const int32_t *positions, int64_t T,
                          const MlaShape &shape, double scale, float *out) {
  int64_t width = shape.rank + shape.rope;
  for (int64_t row = 0; row < T * shape.heads; ++row) {
    attend(q + row * width, {latents, width, width}, {latents, width, shape.rank}, positions[row / shape.heads] + 1,
           scale, out + row * shape.rank);
  }
}

void mla_latent_partials(const float *q, const float *latents, const int32_t *positions, int64_t T,
                         const MlaShape &shape, double scale, int64_t parts, float *partials) {
  int64_t width = shape.rank + shape.rope;
  for (int64_t row = 0; row < T * shape.heads; ++row) {
    int64_t t = row / shape.heads;
    Partials out = {partials + t * parts * shape.heads * (shape.rank + 2), shape.heads, shape.rank, parts,
                    row % shape.heads};
    attend_in_parts(q + row * width, {latents, width, width}, {latents, width, shape.rank}, positions[t] + 1, scale,
                    out);
  }
}

/// The latents that a row selects, in order.
static std::vector<float> gather(const float *latents, const int32_t *selection, int64_t k, int64_t width) {
  std::vector<float> selected;
  for (int64_t j = 0; j < k && selection[j] >= 0; ++j) {
    const float *latent = latents + selection[j] * width;
    selected.insert(selected.end(), latent, latent + width);
  }
  return selected;
}

void mla_selected_attention(const float *q, const float *latents, const int32_t *selection, int64_t T, int64_t k,
                            const MlaShape &shape, double scale, float *out) {
  int64_t width = shape.rank + shape.rope;
  for (int64_t t = 0; t < T; ++t) {
    std::vector<float> selected = gather(latents, selection + t * k, k, width);
    auto last = static_cast<int32_t>(selected.size() / width - 1);
    mla_latent_attention(q + t * shape.heads * width, selected.data(), &last, 1, shape, scale,
                         out + t * shape.heads * shape.rank);
  }
}

void mla_selected_partials(const float *q, const float *latents, const int32_t *selection, int64_t T, int64_t k,
                           const MlaShape &shape, double scale, int64_t parts, float *partials) {
  int64_t width = shape.rank + shape.rope;
  for (int64_t t = 0; t < T; ++t) {
    std::vector<float> selected = gather(latents, selection + t * k, k, width);
    auto last = static_cast<int32_t>(selected.size() / width - 1);
    mla_latent_partials(q + t * shape.heads * width, selected.data(), &last, 1, shape, scale, parts,
                        partials + t * parts * shape.heads * (shape.rank + 2));
  }
}

void mla_expand_output(const float *o, const float *kv_b, int64_t T, const MlaShape &shape, float *out) {
  for (int64_t row = 0; row < T * shape.heads; ++row) {
    int64_t first = row % shape.heads * (shape.nope + shape.value) + shape.nope;
    linear(o + row * shape.rank, kv_b + first * shape.rank, 1, shape.rank, shape.value, out + row * shape.value);
  }
}

/// Rows of key, rotated key and value that one head's `kv_b` makes of `count` latents.
static std::vector<float> expand(const float *kv_b, const float *latents, int64_t count, const MlaShape &shape) {
  int64_t key = shape.nope + shape.rope, width = key + shape.value;
  std::vector<float> rows(count * width);
  for (int64_t n = 0; n < count; ++n) {
    const float *latent = latents + n * (shape.rank + shape.rope);
    linear(latent, kv_b, 1, shape.rank, shape.nope, rows.data() + n * width);
    std::copy_n(latent + shape.rank, shape.rope, rows.data() + n * width + shape.nope);
    linear(latent, kv_b + shape.nope * shape.rank, 1, shape.rank, shape.value, rows.data() + n * width + key);
  }
  return rows;
}

void mla_attention(const float *q, const float *kv_b, const float *latents, const int32_t *positions,
                   const float *table, int64_t T, const MlaShape &shape, double scale, float *out) {
  int64_t key = shape.nope + shape.rope, width = key + shape.value;
  int64_t count = *std::max_element(positions, positions + T) + 1;
  for (int64_t h = 0; h < shape.heads; ++h) {
    std::vector<float> rows = expand(kv_b + h * (shape.nope + shape.value) * shape.rank, latents, count, shape);
    for (int64_t t = 0; t < T; ++t) {
      std::vector<float> query(q + (t * shape.heads + h) * key, q + (t * shape.heads + h + 1) * key);
      float *turned = query.data() + shape.nope;
      rope(turned, positions + t, table, 1, 1, shape.rope, shape.rope, RopeLayout::Interleaved, turned);
      attend(query.data(), {rows.data(), width, key}, {rows.data() + key, width, shape.value}, positions[t] + 1, scale,
             out + (t * shape.heads + h) * shape.value);
    }
  }
}

} // namespace fathom::ref
