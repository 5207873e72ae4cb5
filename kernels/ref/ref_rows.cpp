// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is done to each row of an activation.

#include "kernels/ref/ref.h"

#include <algorithm>
#include <cmath>

namespace fathom::ref {

void embedding(const int32_t *tokens, const float *table, int64_t T, int64_t V, int64_t H, float *out) {
  for (int64_t t = 0; t < T; ++t) {
    bool known = tokens[t] >= 0 && tokens[t] < V;
    for (int64_t i = 0; i < H; ++i) {
      out[t * H + i] = known ? table[tokens[t] * H + i] : 0.0f;
    }
  }
}

void select_rows(const float *x, const int32_t *ids, int64_t rows, int64_t H, float *out) {
  for (int64_t i = 0; i < rows * H; ++i) {
    out[i] = x[ids[i / H] * H + i % H];
  }
}

void argmax(const float *x, int64_t T, int64_t V, int32_t *out) {
  for (int64_t t = 0; t < T; ++t, x += V) {
    bool finite = std::all_of(x, x + V, [](float number) { return std::isfinite(number); });
    out[t] = finite ? static_cast<int32_t>(std::max_element(x, x + V) - x) : -1;
  }
}

void add(const float *a, const float *b, int64_t count, float *out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = a[i] + b[i];
  }
}

void add_bias(const float *x, const float *bias, int64_t T, int64_t N, float *out) {
  for (int64_t i = 0; i < T * N; ++i) {
    out[i] = x[i] + bias[i % N];
  }
}

void rms_norm(const float *x, const float *w, int64_t T, int64_t H, double eps, float *out) {
  for (int64_t t = 0; t < T; ++t) {
    double squares = 0;
    for (int64_t i = 0; i < H; ++i) {
      squares += static_cast<double>(x[t * H + i]) * x[t * H + i];
    }
    double factor = 1.0 / std::sqrt(squares / static_cast<double>(H) + eps);
    for (int64_t i = 0; i < H; ++i) {
      out[t * H + i] = static_cast<float>(x[t * H + i] * factor * w[i]);
    }
  }
}

void layer_norm(const float *x, const float *w, const float *bias, int64_t T, int64_t H, double eps, float *out) {
  for (int64_t t = 0; t < T; ++t, x += H, out += H) {
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < H; ++i) {
      mean += static_cast<double>(x[i]) / static_cast<double>(H);
    }
    for (int64_t i = 0; i < H; ++i) {
      squares += (x[i] - mean) * (x[i] - mean);
    }
    double factor = 1.0 / std::sqrt(squares / static_cast<double>(H) + eps);
    for (int64_t i = 0; i < H; ++i) {
      out[i] = static_cast<float>((x[i] - mean) * factor * w[i] + bias[i]);
    }
  }
}

void hadamard(const float *x, int64_t T, int64_t heads, int64_t d, float *out) {
  for (int64_t row = 0; row < T * heads; ++row, x += d, out += d) {
    for (int64_t i = 0; i < d; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < d; ++j) {
        bool negative = __builtin_popcountll(i & j) % 2 == 1;
        sum += negative ? -x[j] : x[j];
      }
      out[i] = static_cast<float>(sum / std::sqrt(static_cast<double>(d)));
    }
  }
}

float silu(float x) { return static_cast<float>(x / (1.0 + std::exp(-static_cast<double>(x)))); }

void quantize_rows(const float *x, int64_t T, int64_t H, float *out) {
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t from = 0; from < H; from += 32) {
      const float *group = x + t * H + from;
      int64_t count = std::min<int64_t>(32, H - from);
      float largest = 0, poison = 0;
      for (int64_t i = 0; i < count; ++i) {
        largest = std::fmax(largest, std::fabs(group[i]));
        poison += group[i] - group[i];
      }
      float scale = largest / 127 + poison;
      for (int64_t i = 0; i < count; ++i) {
        out[t * H + from + i] = static_cast<float>(f32_to_i8(group[i], scale)) * scale;
      }
    }
  }
}

void swiglu(const float *gate, const float *up, int64_t count, float *out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<float>(gate[i] / (1.0 + std::exp(-static_cast<double>(gate[i]))) * up[i]);
  }
}

void linear(const float *x, const float *w, int64_t T, int64_t K, int64_t N, float *out) {
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t n = 0; n < N; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < K; ++k) {
        sum += static_cast<double>(x[t * K + k]) * w[n * K + k];
      }
      out[t * N + n] = static_cast<float>(sum);
    }
  }
}

void rope(const float *x, const int32_t *positions, const float *table, int64_t T, int64_t heads, int64_t d, int64_t dr,
          RopeLayout layout, float *out) {
  int64_t half = dr / 2;
  bool interleaved = layout == RopeLayout::Interleaved;
  for (int64_t row = 0; row < T * heads; ++row) {
    const float *angles = table + positions[row / heads] * dr;
    for (int64_t i = 0; i < half; ++i) {
      int64_t first = row * d + (interleaved ? 2 * i : i);
      int64_t second = first + (interleaved ? 1 : half);
      double a = x[first], b = x[second], cosine = angles[2 * i], sine = angles[2 * i + 1];
      out[first] = static_cast<float>(a * cosine - b * sine);
      out[second] = static_cast<float>(a * sine + b * cosine);
    }
    for (int64_t i = row * d + dr; i < (row + 1) * d; ++i) {
      out[i] = x[i];
    }
  }
}

} // namespace fathom::ref
