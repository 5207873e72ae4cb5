// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fuzzes config.json. Beyond not crashing: what an accepted configuration implies is finite and positive.

#include "frontend/huggingface/Families.h"

#include <cmath>
#include <cstdlib>

using namespace fathom;

static void check(bool holds) {
  if (!holds) {
    std::abort();
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  checkpoint::Diagnostics diagnostics;
  huggingface::ModelConfig config = huggingface::parseModelConfig(text, "fuzz", diagnostics);
  if (diagnostics.hasErrors()) {
    return 0;
  }
  check(config.family != nullptr);
  for (const huggingface::TensorFact &fact : config.family->tensors) {
    bool inModel = fact.scope == huggingface::Scope::Model && (!fact.wanted || fact.wanted(config));
    for (int64_t layer = 0; layer < config.layers && !inModel; ++layer) {
      inModel = isInLayer(fact, config, layer);
    }
    for (int64_t extent : inModel ? shapeOf(fact, config) : std::vector<int64_t>{1}) {
      check(extent > 0);
    }
  }
  for (double frequency : config.ropeFrequencies()) {
    check(std::isfinite(frequency) && frequency > 0);
  }
  check(std::isfinite(config.softmaxScale()) && config.softmaxScale() > 0);
  check(std::isfinite(config.ropeMagnitude()) && config.ropeMagnitude() > 0);
  return 0;
}
