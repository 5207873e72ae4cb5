// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A checkpoint that a test edits tensor by tensor: the tensors a configuration implies, with zeros as data.

#ifndef FATHOM_TEST_FRONTEND_HUGGINGFACE_SMALLMODEL_H
#define FATHOM_TEST_FRONTEND_HUGGINGFACE_SMALLMODEL_H

#include "frontend/huggingface/ModelWeights.h"
#include "test/frontend/huggingface/ConfigText.h"
#include "tools/gen/Generate.h"
#include "tools/gen/GeneratePlan.h"

namespace fathom::test {

class SmallModel {
public:
  /// All tensors of the configuration in `configText`, its draft layer included.
  SmallModel(const std::string &configText, gen::ProjectionType type) : config(goodConfig(configText)) {
    for (const gen::PlannedShard &shard : planShards(config, type, UINT64_MAX)) {
      for (const gen::PlannedTensor &tensor : shard.tensors) {
        tensors.push_back({tensor.name, tensor.dtype, tensor.shape});
      }
    }
  }

  TestTensor &at(const std::string &name) {
    for (TestTensor &tensor : tensors) {
      if (tensor.name == name) {
        return tensor;
      }
    }
    ADD_FAILURE() << "no tensor " << name;
    return tensors.front();
  }

  void remove(const std::string &name) {
    size_t before = tensors.size();
    tensors.erase(std::remove_if(tensors.begin(), tensors.end(), [&](const TestTensor &t) { return t.name == name; }),
                  tensors.end());
    EXPECT_EQ(tensors.size() + 1, before) << name;
  }

  /// Writes model.safetensors and sorts its weights into parts.
  huggingface::ModelWeights find(checkpoint::Diagnostics &diagnostics) {
    directory.write("model.safetensors", makeSafetensors(tensors));
    checkpoint = checkpoint::Checkpoint::open(directory.path(), diagnostics);
    return checkpoint ? findModelWeights(config, *checkpoint, diagnostics) : huggingface::ModelWeights();
  }

  /// The weights of a model that must be good.
  huggingface::ModelWeights findGood() {
    checkpoint::Diagnostics diagnostics;
    huggingface::ModelWeights weights = find(diagnostics);
    EXPECT_FALSE(diagnostics.hasErrors()) << printed(diagnostics);
    return weights;
  }

  /// Expects exit code `code` and a finding with `message`.
  void expectBad(int code, const std::string &message) {
    checkpoint::Diagnostics diagnostics;
    find(diagnostics);
    EXPECT_EQ(diagnostics.exitCode(), code) << message;
    EXPECT_NE(printed(diagnostics).find(message), std::string::npos) << message << " in\n" << printed(diagnostics);
  }

  huggingface::ModelConfig config;
  std::vector<TestTensor> tensors;
  TempDirectory directory;
  std::unique_ptr<checkpoint::Checkpoint> checkpoint;
};

} // namespace fathom::test

#endif // FATHOM_TEST_FRONTEND_HUGGINGFACE_SMALLMODEL_H
