// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Generated models of odd widths, small enough to be run over and over, and steps that are hard on kernels.

#ifndef FATHOM_TEST_MUTANTS_SMALLMODEL_H
#define FATHOM_TEST_MUTANTS_SMALLMODEL_H

#include "tools/driver/CompileModel.h"
#include "tools/gen/Generate.h"

namespace fathom::test {

/// Rows of a call, and where two sequences of it end, unless the entry point has a limit of its own.
struct SmallCall {
  size_t rows;
  int32_t end = 170;
};

struct SmallModel {
  const char *name;
  const char *config;
  gen::ProjectionType weights;
  ActivationType activation;
  huggingface::StoredType cache;
  /// Most sequences of a step: of up to 64, attention is split into parts.
  int64_t batch = 20;
  /// The first asks for no logits.
  std::vector<SmallCall> calls = {{5}, {36}};
  const char *sm = "80";
};

/// Generates it, compiles it for GPUs, and runs each of its entry points with few rows and with many, of sequences
/// whose pages are anywhere. What is in the cache is made up.
void runModel(const SmallModel &model);

} // namespace fathom::test

#endif // FATHOM_TEST_MUTANTS_SMALLMODEL_H
