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
  for (int64_t layer = huggingface::kWholeModel; layer < config.layers; ++layer) {
    huggingface::forEachTensor(config, layer, [&](const huggingface::Part &, const huggingface::TensorFact &fact) {
      for (int64_t extent : shapeOf(fact, config)) {
        check(extent > 0);
      }
    });
  }
  for (double frequency : config.ropeFrequencies()) {
    check(std::isfinite(frequency) && frequency > 0);
  }
  check(std::isfinite(config.softmaxScale()) && config.softmaxScale() > 0);
  check(std::isfinite(config.ropeMagnitude()) && config.ropeMagnitude() > 0);
  return 0;
}
