// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random weights in the forms that ops of the `deepseek` dialect read.

#ifndef FATHOM_TEST_PASSES_LOWER_STOREDWEIGHT_H
#define FATHOM_TEST_PASSES_LOWER_STOREDWEIGHT_H

#include "test/kernels/kernel_harness.h"
#include "test/passes/lower/GeneratedFunction.h"

namespace fathom::test {

/// A weight in memory, with its scales where it has any.
struct StoredWeight {
  /// `weight` as it is, with a scale for each block of 128 x 128, or of integers 1 x 32.
  static StoredWeight store(const Weight &weight);
  /// The rows of one weight, then those of the other, with a scale for each output and block of inputs.
  static StoredWeight join(const Weight &gate, const Weight &up);

  /// Those of all experts, one after the other.
  static StoredWeight stack(const std::vector<StoredWeight> &experts);

  std::vector<uint8_t> data;
  std::vector<uint8_t> scales;
  std::string shape;      ///< "5x7xbf16"
  std::string scaleShape; ///< empty: not quantized
  std::string block;      ///< " <128 x 128>"
};

/// A weight, or a table of experts', as an operand `name` and its scales `name`_scale.
class WeightOperand {
public:
  WeightOperand(const std::string &name, StoredWeight only) : WeightOperand(name, {std::move(only)}, false) {}
  static WeightOperand table(const std::string &name, std::vector<StoredWeight> experts) {
    return WeightOperand(name, std::move(experts), true);
  }

  Operand weight() const { return describe(name, parts[0].shape); }
  /// None or one.
  Operands scale() const;
  /// Memory of the weight or each expert's.
  std::vector<const void *> data() const;
  std::vector<const void *> scales() const;
  /// "%name", with " scale %name_scale <128 x 128>" where it is quantized.
  std::string text() const;
  const std::string &block() const { return parts[0].block; }

private:
  WeightOperand(const std::string &name, std::vector<StoredWeight> parts, bool isTable)
      : name(name), parts(std::move(parts)), isTable(isTable) {}
  Operand describe(const std::string &operand, const std::string &shape) const;

  std::string name;
  std::vector<StoredWeight> parts;
  bool isTable;
};

void append(std::vector<const void *> &memory, const std::vector<const void *> &more);
/// Appends the weight and its scale, if it has one.
void append(Operands &operands, std::vector<const void *> &memory, const WeightOperand &weight);

} // namespace fathom::test

#endif // FATHOM_TEST_PASSES_LOWER_STOREDWEIGHT_H
