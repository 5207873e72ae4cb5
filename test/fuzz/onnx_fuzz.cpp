// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fuzzes ONNX models. Beyond not crashing: the tensors of an accepted model are of known types and have their bytes,
// and raw data that stays in the file lies in it. Then shapes are followed.

#include "frontend/onnx/InferShapes.h"

#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

namespace onnx_model = fathom::onnx;

static void check(bool holds) {
  if (!holds) {
    std::abort();
  }
}

static void checkTensors(const onnx_model::Model &model, size_t fileSize) {
  for (const onnx_model::Tensor &tensor : model.initializers()) {
    uint64_t elements = 1;
    for (int64_t extent : tensor.proto->dims()) {
      elements *= static_cast<uint64_t>(extent);
    }
    check(tensor.bytes == (elements * tensor.type->bits + 7) / 8);
    const onnx_model::Range &range = tensor.data.range;
    check(tensor.data.file != model.path() || (range.size == tensor.bytes && range.offset <= fileSize - range.size));
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fathom::checkpoint::Diagnostics diagnostics;
  auto model = onnx_model::Model::parse({reinterpret_cast<const char *>(data), size}, "fuzz/m.onnx", diagnostics);
  check((model == nullptr) == diagnostics.hasErrors());
  if (model) {
    checkTensors(*model, size);
    onnx_model::inferShapes(*model, diagnostics);
  }
  std::string text;
  llvm::raw_string_ostream out(text);
  diagnostics.print(out);
  check(text.size() < 200'000);
  return 0;
}
