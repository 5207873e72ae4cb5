// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How far the numbers of a model on one device are from those on another.

#ifndef FATHOM_RUNTIME_CLI_COMPARISON_H
#define FATHOM_RUNTIME_CLI_COMPARISON_H

#include "fathom/fathom.h"
#include "runtime/cli/output.h"

namespace fathom::cli {

/// What rows of a model gave: f32 [layers, rows, hidden] and f32 [rows, vocabulary].
struct Values {
  const float *states, *logits;
};

/// Of the values of a layer, or of logits.
struct Difference {
  bool exists = false;
  uint32_t layer = 0;
  uint64_t position = 0;
  /// The largest distance of two numbers, infinite where one is none, and what part that is of the largest number.
  double absolute = 0, relative = 0;
  /// At how many positions, of all that were looked at together, a number is farther off than the bound.
  size_t beyond = 0, positions = 0;
};

/// Looks at one piece of a sequence after the other.
class Comparison {
public:
  /// |info| and |other| are of the model on either device.
  Comparison(const fathom_model_info_t &info, const fathom_model_info_t &other);

  /// Takes what both devices gave for |rows| rows from |position| on.
  void take(const Values &first, const Values &second, uint64_t position, size_t rows);
  /// A token that the first device chose behind |position|, and what the second one would have. False without memory.
  bool chose(int32_t token, int32_t other, uint64_t position);

  /// Whether one of the devices rounds activations.
  bool isRounded() const { return rounds; }
  bool isWithinBounds() const { return !beyond.exists && !logitsBeyond; }

  /// |names|: of both devices.
  void print(Output &output, const char *const *names, uint64_t promptTokens) const;
  void printJson(Output &output, const char *const *names, uint64_t promptTokens) const;
  /// What is beyond the bounds, for a message.
  void describe(char *text, size_t size) const;

private:
  const fathom_model_info_t &info, &other;
  bool rounds;
  /// The first layer with any other bit, and the first beyond the bound; the largest of logits.
  Difference first, beyond, logits;
  bool logitsBeyond = false;
  Buffer<int32_t> tokens;
  /// Where the second device chose another token for the first time.
  bool hasOther = false;
  int32_t otherToken = 0;
  uint64_t otherPosition = 0;
};

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_COMPARISON_H
