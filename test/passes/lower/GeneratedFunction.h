// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One `deepseek` op, lowered and compiled as those of a model are that have no kernel, and called as the runtime calls.

#ifndef FATHOM_TEST_PASSES_LOWER_GENERATEDFUNCTION_H
#define FATHOM_TEST_PASSES_LOWER_GENERATEDFUNCTION_H

#include "runtime/device/cpu/code_image.h"

#include "fathom/kernel_abi.h"

#include <string>
#include <vector>

namespace mlir {
class Operation;
}

namespace fathom::test {

/// What the op reads or writes.
struct Operand {
  std::string name;
  /// "tensor<…>", of which only the first size may be unknown, a cache, or "index", which is %layer, 1. Tensors have
  /// memory; the cache is that of the call.
  std::string type;
  /// The unknown size, in rows of the call.
  int64_t perRow = 1;
  /// The experts of a stack, each with memory of its own; 0 for any other tensor.
  int64_t experts = 0;

  bool isTensor() const { return type.rfind("tensor", 0) == 0; }
  /// Pieces of memory.
  int64_t countSlices() const { return experts ? experts : isTensor(); }
};

using Operands = std::vector<Operand>;

/// "a, b"
std::string listTypes(const Operands &operands);

/// Changes an op of what the op under test was decomposed to, if it is one that the mistake is about.
using Mistake = void (*)(mlir::Operation *op);

class GeneratedFunction {
public:
  /// `op` names its operands as `inputs` do. Where there is a `mistake`, code with it is generated.
  GeneratedFunction(const std::string &op, const Operands &inputs, const Operands &outputs, Mistake mistake = nullptr);
  /// The same for an op that ends in its functional type, which `op` leaves out.
  static GeneratedFunction create(const std::string &op, const Operands &inputs, const Operands &outputs,
                                  Mistake mistake = nullptr) {
    return {op + " : (" + listTypes(inputs) + ") -> (" + listTypes(outputs) + ")", inputs, outputs, mistake};
  }

  /// `memory` is that of the inputs, then of the outputs; `cache` is that of the rows. Scratch memory of each item is
  /// NaN at first.
  void run(int64_t rows, const std::vector<const void *> &memory, fathom_cache_t cache = {}) const;

  /// What an operand of the dispatch is: a piece of memory, or the table of those from there on.
  struct Piece {
    size_t first;
    bool isTable;
  };

private:
  runtime::CodeImage image;
  fathom_task_fn task;
  fathom_items_fn items;
  size_t slices;
  int64_t scratchBytes = 0;
  std::vector<Piece> pieces;
  /// Rows of the dispatch for each row of a call.
  int64_t rowsPerRow = 1;
};

} // namespace fathom::test

#endif // FATHOM_TEST_PASSES_LOWER_GENERATEDFUNCTION_H
