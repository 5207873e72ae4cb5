// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads a graph of ONNX, and the files that go with it.

#include "tools/driver/ReadGraph.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/onnx/Onnx.h"
#include "frontend/checkpoint/Files.h"
#include "frontend/checkpoint/WeightIndex.h"
#include "frontend/huggingface/ImportModel.h"
#include "frontend/onnx/import/ImportModel.h"
#include "tools/driver/GraphFolder.h"

using namespace mlir;

namespace fathom::driver {

using checkpoint::Diagnostics;
using checkpoint::Problem;

/// What raising takes into the model's facts.
static void setGraphFacts(ModuleOp module, const huggingface::GraphConfig &config) {
  Builder builder(module.getContext());
  SmallVector<NamedAttribute> facts = huggingface::convertGeneration(builder, config.generation);
  if (config.maxPositions) {
    facts.push_back(builder.getNamedAttr("max_context", builder.getI64IntegerAttr(*config.maxPositions)));
  }
  module->setAttr(onnx::kGenerationAttr, builder.getDictionaryAttr(facts));
}

static WeightFile convertFile(const onnx::DataFile &file) {
  return {file.name, file.path, file.bytes, file.headHash, file.headBytes};
}

bool importOnnx(const CompileOptions &options, MLIRContext &context, Diagnostics &diagnostics, CompileInput &input) {
  std::unique_ptr<onnx::Model> model = onnx::Model::open(options.input, diagnostics);
  if (!model) {
    return false;
  }
  onnx::TypedModel typed = onnx::inferShapes(*model, diagnostics);
  if (diagnostics.hasErrors()) {
    return false;
  }
  onnx::ImportedModel imported = onnx::importModel(context, *model, typed, diagnostics);
  input.module = std::move(imported.module);
  input.files = WeightFiles{getFolder(options.input), {}};
  llvm::append_range(input.files->files, llvm::map_range(imported.files, convertFile));
  if (options.raise != Raise::None) {
    huggingface::GraphConfig config = huggingface::loadGraphConfig(findFolderOfModel(options.input), input.ofModel);
    input.vocabulary = config.vocabulary;
    setGraphFacts(*input.module, config);
  }
  return !diagnostics.hasErrors();
}

bool readFilesOfModel(const CompileOptions &options, Diagnostics &diagnostics, CompileInput &input) {
  for (const checkpoint::Finding &finding : input.ofModel.findings()) {
    diagnostics.report(finding);
  }
  auto facts = (*input.module)->getAttrOfType<DictionaryAttr>(deepseek::kModelAttr);
  int64_t vocabulary = facts.getAs<IntegerAttr>("vocabulary").getInt();
  std::string folder = findFolderOfModel(options.input);
  if (input.vocabulary && *input.vocabulary != vocabulary) {
    diagnostics.warning("two-configs", folder, "",
                        "files there say that the vocabulary has " + Twine(*input.vocabulary) +
                            " tokens, but the graph gives logits of " + Twine(vocabulary) + ", which are taken",
                        "if they are of another model, put those of this one there");
  }
  readTokenizer(folder, options, diagnostics, uint32_t(vocabulary), input);
  return !diagnostics.hasErrors();
}

std::optional<WeightFile> findGraphFile(StringRef folder, StringRef name, Diagnostics &diagnostics) {
  for (StringRef part : llvm::split(name, '/')) {
    StringRef fault = checkpoint::faultOfFileName(part);
    if (!fault.empty()) {
      diagnostics.error(Problem::BadInput, "bad-location", folder, "",
                        "the module names the file '" + escape(name, 80) + "', of which a part " + fault);
      return std::nullopt;
    }
  }
  std::optional<onnx::DataFile> file = checkpoint::staysInside(folder, name, diagnostics)
                                           ? onnx::lookAtFile(name, checkpoint::joinPath(folder, name), diagnostics)
                                           : std::nullopt;
  return file ? std::optional(convertFile(*file)) : std::nullopt;
}

} // namespace fathom::driver
