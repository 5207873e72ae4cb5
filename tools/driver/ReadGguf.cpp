// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Their metadata and tensors, by what reads those of checkpoints.

#include "tools/driver/ReadGguf.h"

#include "frontend/huggingface/ModelWeights.h"
#include "tools/driver/GgufTokenizer.h"

using namespace mlir;

namespace fathom::driver {

using checkpoint::Diagnostics;
using checkpoint::Problem;

std::optional<huggingface::ModelConfig> readConfig(const gguf::GgufModel &model, StringRef path,
                                                   Diagnostics &diagnostics) {
  Diagnostics findings;
  huggingface::ModelConfig config = huggingface::parseModelConfig(model.config(), path, findings);
  model.forward(findings, diagnostics);
  if (findings.hasErrors()) {
    return std::nullopt;
  }
  config.rope.divisors = model.ropeDivisors();
  if (size_t count = config.rope.divisors.size(); count != 0 && int64_t(count) != config.rope.width / 2) {
    diagnostics.error(Problem::BadInput, "misshapen-tensor", path, "rope_freqs.weight",
                      "has " + Twine(count) + " numbers, but " + Twine(config.rope.width / 2) +
                          " pairs of a head rotate");
    return std::nullopt;
  }
  return config;
}

void readVocabulary(const CompileOptions &options, StringRef path, Diagnostics &diagnostics,
                    std::optional<uint32_t> vocabulary, CompileInput &input) {
  size_t before = diagnostics.errorCount();
  if (!options.tokenizer) {
    return;
  }
  input.tokenizer = readTokenizerOfGguf(path, diagnostics, vocabulary, options.chatFormat);
  if (diagnostics.errorCount() != before) {
    adviseWithoutTokenizer(path, diagnostics);
  } else if (!input.tokenizer && !options.chatFormat.empty()) {
    diagnostics.error(Problem::Usage, "no-tokenizer", path, "", "has no vocabulary, which --chat-format needs");
  } else if (!input.tokenizer) {
    diagnostics.warning("no-tokenizer", path, "", "has no vocabulary: the model takes and gives token ids only");
  }
}

bool importGguf(const CompileOptions &options, MLIRContext &context, Diagnostics &diagnostics, CompileInput &input) {
  std::unique_ptr<gguf::GgufModel> model = gguf::GgufModel::open(options.input, diagnostics);
  if (!model) {
    return false;
  }
  std::optional<huggingface::ModelConfig> config = readConfig(*model, options.input, diagnostics);
  readVocabulary(options, options.input, diagnostics,
                 config ? std::optional<uint32_t>(config->vocabulary) : std::nullopt, input);
  if (config) {
    fitTokenizer(options, *config, diagnostics, input);
  }
  std::unique_ptr<checkpoint::Checkpoint> files = model->takeCheckpoint(diagnostics);
  huggingface::ModelWeights weights;
  if (config && !diagnostics.hasErrors()) {
    Diagnostics findings;
    weights = huggingface::findModelWeights(*config, *files, findings, options.draft);
    model->forward(findings, diagnostics);
  }
  if (options.weights == codegen::WeightStorage::Reference) {
    diagnostics.error(Problem::Unsupported, "gguf-in-place", options.input, "",
                      "is a GGUF file, whose weights can be packed, but not be read where they are",
                      "use 'fathom compile' with --weights=pack, and run what it writes");
  }
  return config && buildModule(options, context, *config, weights, files.get(), diagnostics, input);
}

} // namespace fathom::driver
