// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bounds are those of the tests against independent implementations.

#include "runtime/cli/comparison.h"

#include <algorithm>
#include <math.h>
#include <stdio.h>
#include <string.h>

namespace fathom::cli {

/// What sums of f32 in another order may move: a state, as a part of the layer's largest number, and a logit.
static constexpr double kStateBound = 1e-4, kLogitBound = 1e-3;
/// Either, as a part of the largest number, where activations are rounded to 8 bits: rounding may go the other way,
/// layer after layer.
static constexpr double kRoundedBound = 0x1p-5;

// Infinite is also what one of them alone is not.
static double distance(float a, float b) {
  double apart = fabs(double(a) - double(b));
  return memcmp(&a, &b, sizeof(a)) == 0 ? 0 : apart >= 0 ? apart : INFINITY;
}

// Of |rows| rows of |width| numbers. |bound|: of a distance, as a part of the largest number.
static Difference compare(const float *first, const float *second, size_t rows, size_t width, uint64_t position,
                          double bound) {
  Difference found;
  double largest = 0;
  found.positions = rows;
  found.exists = memcmp(first, second, rows * width * sizeof(float)) != 0;
  for (size_t i = 0; found.exists && i < rows * width; ++i) {
    largest = std::max(largest, fabs(double(first[i])));
  }
  for (size_t row = 0; found.exists && row < rows; ++row) {
    double apart = 0;
    for (size_t i = row * width; i < (row + 1) * width; ++i) {
      apart = std::max(apart, distance(first[i], second[i]));
    }
    found.position = apart > found.absolute ? position + row : found.position;
    found.absolute = std::max(found.absolute, apart);
    found.beyond += apart > bound * largest;
  }
  found.relative = found.absolute == 0 ? 0 : found.absolute / largest;
  return found;
}

Comparison::Comparison(const fathom_model_info_t &info, const fathom_model_info_t &other)
    : info(info), other(other),
      rounds(strcmp(info.activation_type, "f32") != 0 || strcmp(other.activation_type, "f32") != 0) {}

void Comparison::take(const Values &one, const Values &other, uint64_t position, size_t rows) {
  size_t perLayer = rows * info.hidden;
  double bound = rounds ? kRoundedBound : kStateBound;
  for (uint32_t layer = 0; layer < info.layers; ++layer) {
    Difference found =
        compare(one.states + layer * perLayer, other.states + layer * perLayer, rows, info.hidden, position, bound);
    found.layer = layer;
    first = first.exists ? first : found;
    beyond = found.beyond > 0 && !beyond.exists ? found : beyond;
  }
  Difference found = compare(one.logits, other.logits, rows, info.vocabulary, position, bound);
  logitsBeyond = logitsBeyond || (rounds ? found.relative > kRoundedBound : found.absolute > kLogitBound);
  logits = found.absolute > logits.absolute || !logits.exists ? found : logits;
}

bool Comparison::chose(int32_t token, int32_t other, uint64_t position) {
  if (token != other && !hasOther) {
    hasOther = true;
    otherToken = other;
    otherPosition = position;
  }
  return tokens.push(token);
}

namespace {
/// Of a difference: where it is, and how large.
struct Sentence {
  char text[160];

  Sentence(const Difference &difference, const char *layers) {
    if (!difference.exists) {
      snprintf(text, sizeof(text), "none");
      return;
    }
    char name[32] = "", beyond[64] = "";
    snprintf(name, sizeof(name), "%s%u, ", layers, difference.layer);
    snprintf(beyond, sizeof(beyond), ", beyond at %zu of %zu positions", difference.beyond, difference.positions);
    snprintf(text, sizeof(text), "%sposition %llu: %.3g, %.3g of the largest number%s", *layers ? name : "",
             static_cast<unsigned long long>(difference.position), difference.absolute, difference.relative,
             *layers && difference.beyond > 0 ? beyond : "");
  }
};
} // namespace

void Comparison::print(Output &output, const char *const *names, uint64_t promptTokens) const {
  output.print("%s with activations of %s and %s with %s: %llu tokens of the prompt, %zu of the answer\n", names[0],
               info.activation_type, names[1], other.activation_type, static_cast<unsigned long long>(promptTokens),
               tokens.size());
  output.print("first layer that differs: %s\n", Sentence(first, "layers.").text);
  output.print("first layer beyond %.3g of the largest number: %s\n", rounds ? kRoundedBound : kStateBound,
               Sentence(beyond, "layers.").text);
  output.print("largest difference of logits: %s\n", Sentence(logits, "").text);
  output.print("tokens:");
  for (int32_t token : tokens) {
    output.print(" %d", token);
  }
  if (hasOther) {
    output.print("; %s would say %d at position %llu", names[1], otherToken,
                 static_cast<unsigned long long>(otherPosition));
  }
  output.write("\n");
}

// Of what is infinite JSON has no number.
static void printDifference(Output &output, const char *name, const Difference &difference, bool hasLayer) {
  output.print(",\"%s\":", name);
  if (!difference.exists) {
    output.write("null");
    return;
  }
  output.write("{");
  if (hasLayer) {
    output.print("\"layer\":%u,\"positions\":%zu,\"positions_beyond\":%zu,", difference.layer, difference.positions,
                 difference.beyond);
  }
  output.print("\"position\":%llu", static_cast<unsigned long long>(difference.position));
  const struct {
    const char *name;
    double value;
  } numbers[] = {{"absolute", difference.absolute}, {"relative", difference.relative}};
  for (const auto &number : numbers) {
    isfinite(number.value) ? output.print(",\"%s\":%.9g", number.name, number.value)
                           : output.print(",\"%s\":null", number.name);
  }
  output.write("}");
}

void Comparison::printJson(Output &output, const char *const *names, uint64_t promptTokens) const {
  output.print("{\"devices\":[\"%s\",\"%s\"],\"activation_types\":[\"%s\",\"%s\"],\"prompt_tokens\":%llu,\"tokens\":[",
               names[0], names[1], info.activation_type, other.activation_type,
               static_cast<unsigned long long>(promptTokens));
  for (size_t i = 0; i < tokens.size(); ++i) {
    output.print(i ? ",%d" : "%d", tokens[i]);
  }
  output.write("]");
  printDifference(output, "first_difference", first, true);
  printDifference(output, "first_beyond_bound", beyond, true);
  printDifference(output, "largest_logit_difference", logits, false);
  if (hasOther) {
    output.print(",\"other_token\":{\"position\":%llu,\"token\":%d}", static_cast<unsigned long long>(otherPosition),
                 otherToken);
  } else {
    output.write(",\"other_token\":null");
  }
  output.print(",\"within_bounds\":%s}\n", isWithinBounds() ? "true" : "false");
}

void Comparison::describe(char *text, size_t size) const {
  const Difference &worst = beyond.exists ? beyond : logits;
  snprintf(text, size, "%s", Sentence(worst, beyond.exists ? "layers." : "").text);
}

} // namespace fathom::cli
