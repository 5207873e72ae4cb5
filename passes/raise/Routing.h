// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a gate weighs experts, found in what it does with logits.

#ifndef FATHOM_PASSES_RAISE_ROUTING_H
#define FATHOM_PASSES_RAISE_ROUTING_H

#include "dialects/deepseek/DeepSeek.h"

#include "llvm/ADT/ArrayRef.h"

#include <optional>
#include <vector>

namespace fathom::raise {

/// The parameters of `#deepseek.routing`.
struct Routing {
  deepseek::Scoring scoring = deepseek::Scoring::softmax;
  deepseek::GroupRule groupRule = deepseek::GroupRule::none;
  int64_t topK = 1;
  int64_t groups = 1;
  int64_t topGroups = 1;
  bool normalize = false;
  double factor = 1;
};

/// A row of logits, and what each expert's output is multiplied by for it: 0, unless it is chosen.
struct RoutedRow {
  std::vector<double> logits;
  std::vector<double> weights;
};

/// The weights of a row, by `bias` for the choice where there is one.
std::vector<double> route(const Routing &routing, llvm::ArrayRef<double> logits, llvm::ArrayRef<double> bias);

/// A routing that gives the weights of all rows, as far as f32 can tell; nothing where none does.
std::optional<Routing> inferRouting(llvm::ArrayRef<RoutedRow> rows, llvm::ArrayRef<double> bias);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_ROUTING_H
