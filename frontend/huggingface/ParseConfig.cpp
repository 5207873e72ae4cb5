// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// config.json to ModelConfig: the fields of the family's parts, and what every model may say.

#include "frontend/huggingface/ConfigParser.h"

#include "frontend/checkpoint/Files.h"
#include "llvm/ADT/StringExtras.h"

namespace fathom::huggingface {

using checkpoint::Diagnostics;
using checkpoint::DType;
using checkpoint::Problem;
using checkpoint::json::Value;

void ConfigParser::run() {
  size_t errorsBefore = diagnostics.errorCount();
  if (!family()) {
    return;
  }
  notes();
  llvm::SmallVector<const Part *> parts = partsOf(*modelConfig.family);
  for (const Part *part : parts) {
    read(part->fields);
    if (part->parse) {
      part->parse(*this);
    }
  }
  rope();
  dtype();
  quantization();
  sampling();
  refuseUndone();
  // Relations between fields that are wrong by themselves would only repeat the findings.
  if (diagnostics.errorCount() != errorsBefore) {
    return;
  }
  for (const Part *part : parts) {
    if (part->check) {
      part->check(*this);
    }
  }
  checkTotals();
  checkWeights();
  compareArchitecture();
  warnOfUnread();
}

bool ConfigParser::family() {
  if (!keys.string("model_type", modelConfig.modelType, Need::Required)) {
    return false;
  }
  std::vector<std::string> supported;
  for (const Family &family : known) {
    supported.push_back(family.modelType);
    if (modelConfig.modelType == family.modelType) {
      modelConfig.family = &family;
    }
  }
  if (!modelConfig.family) {
    keys.unsupported("model_type",
                     "is \"" + escape(modelConfig.modelType) + "\", expected one of " + llvm::join(supported, ", "));
    return false;
  }
  modelConfig.rope.interleaved = modelConfig.family->ropePairs == RopePairs::Interleaved;
  keys.setOwner(modelConfig.modelType);
  return true;
}

void ConfigParser::notes() {
  for (llvm::StringRef key : {"auto_map", "trust_remote_code"}) {
    if (keys.get(key)) {
      diagnostics.note("remote-code", file, keys.get(key).where(),
                       "\"" + key + "\" is ignored: no code of a checkpoint is ever run");
    }
  }
}

void ConfigParser::read(llvm::ArrayRef<Field> fields, ConfigReader &reader, ModelConfig &config) {
  for (const Field &field : fields) {
    if (field.wanted && !field.wanted(config)) {
      continue;
    }
    if (field.need == Need::Defaulted && !reader.has(field.key)) {
      takeDefault(field);
    } else if (auto *integer = std::get_if<Field::Integer>(&field.slot)) {
      reader.integer(field.key, (*integer)(config), static_cast<int64_t>(field.low), static_cast<int64_t>(field.high),
                     field.need);
    } else if (auto *real = std::get_if<Field::Real>(&field.slot)) {
      reader.real(field.key, (*real)(config), field.low, field.high, field.need);
    } else if (auto *boolean = std::get_if<Field::Boolean>(&field.slot)) {
      reader.boolean(field.key, (*boolean)(config), field.need);
    }
  }
}

/// A field that is absent gets the family's default, which is said, as other programs may have another.
void ConfigParser::takeDefault(const Field &field) {
  for (const FieldDefault &known : modelConfig.family->defaults) {
    if (llvm::StringRef(known.key) == field.key) {
      std::visit([&](auto slot) { slot(modelConfig) = known.value; }, field.slot);
      bool boolean = std::holds_alternative<Field::Boolean>(field.slot);
      keys.warnOfDefault(field.key, boolean ? (known.value != 0 ? "true" : "false") : quote(known.value));
      return;
    }
  }
  keys.get(field.key, Need::Required);
}

void ConfigParser::requirePerLayer(llvm::StringRef key) {
  Value list = keys.get(key);
  if (!list || isInert(list, 0)) {
    return;
  }
  if (!list.isArray()) {
    keys.bad(key, "is " + quote(list) + ", expected an array");
    return;
  }
  // Some files count the layers of multi-token prediction as well.
  int64_t size = static_cast<int64_t>(list.size()), layers = modelConfig.layers;
  if (size != layers && size != layers + modelConfig.mtpLayers) {
    keys.bad(key,
             "has length " + llvm::Twine(size) + ", expected one entry for each of " + llvm::Twine(layers) + " layers");
  }
}

/// A description of the shards, which say themselves what they hold: nothing is refused for it.
void ConfigParser::dtype() {
  Value value = keys.get(keys.get("dtype") ? "dtype" : "torch_dtype");
  if (value.string() == "bfloat16") {
    modelConfig.dtype = DType::BF16;
  } else if (value.string() == "float32") {
    modelConfig.dtype = DType::F32;
  }
}

/// Kernels have one block size, which is that of transformers where the file names none.
static void checkBlockSize(Value block, ConfigReader &reader) {
  if (!block) {
    return;
  }
  if (block.isNull()) {
    reader.unsupported("weight_block_size",
                       "is null, which asks for one scale per weight, but the only supported value is [128, 128]");
    return;
  }
  std::vector<std::optional<int64_t>> sizes;
  for (Value size : block.elements()) {
    sizes.push_back(size.integer());
  }
  if (sizes.size() != 2 || !sizes[0] || !sizes[1]) {
    reader.bad("weight_block_size", "is " + quote(block) + ", expected two integers");
  } else if (*sizes[0] != 128 || *sizes[1] != 128) {
    reader.unsupported("weight_block_size", "is [" + llvm::Twine(*sizes[0]) + ", " + llvm::Twine(*sizes[1]) +
                                                "], but the only supported value is [128, 128]");
  }
}

void ConfigParser::quantization() {
  Value object = unlessEmpty(keys.get("quantization_config"));
  if (!object) {
    return;
  }
  if (!object.isObject()) {
    keys.bad("quantization_config", "is " + quote(object) + ", expected an object or null");
    return;
  }
  ConfigReader inner(object, file, "quantization_config.", modelConfig.modelType, diagnostics);
  auto expect = [&](llvm::StringRef key, llvm::StringRef supported, Need need) {
    std::string spelled;
    bool known = !inner.string(key, spelled, need) || spelled == supported;
    if (!known) {
      inner.unsupported(key, "is \"" + escape(spelled) + "\", but the only supported value is " + supported);
    }
    return known;
  };
  QuantizationConfig quantization;
  // Other methods have other keys, and older files of one of them do not name it.
  if (!object.find("quant_method")) {
    inner.unsupported("quant_method", "is missing, but the only supported value is fp8");
    return;
  }
  if (!expect("quant_method", "fp8", Need::Required)) {
    return;
  }
  std::string format = "e4m3";
  if (inner.string("fmt", format) && !llvm::is_contained({"e4m3", "e4m3fn", "float8_e4m3fn"}, format)) {
    inner.unsupported("fmt", "is \"" + escape(format) + "\", but the only supported value is e4m3");
  }
  expect("activation_scheme", "dynamic", Need::Optional);
  // Describes the scales, which are stored as numbers whatever it says.
  std::string scales = "float";
  if (inner.string("scale_fmt", scales) && !llvm::is_contained({"float", "ue8m0"}, scales)) {
    inner.unsupported("scale_fmt", "is \"" + escape(scales) + "\", but the only supported values are float and ue8m0");
  }
  quantization.powerOfTwoScales = scales == "ue8m0";
  inner.get("weight_block_size");
  inner.warnOfUnread("modules_to_not_convert ignored_layers", "nothing in Fathom");
  // Null is not the same as absent here.
  checkBlockSize(object.find("weight_block_size"), inner);
  modelConfig.quantization = quantization;
}

bool parseObject(checkpoint::json::Document &document, llvm::StringRef text, llvm::StringRef file,
                 Diagnostics &diagnostics) {
  checkpoint::json::SyntaxError error;
  if (!document.parse(text, error)) {
    diagnostics.error(Problem::BadInput, "bad-json", file, error.where(), error.message, checkpoint::recognize(text));
    return false;
  }
  if (!document.root().isObject()) {
    diagnostics.error(Problem::BadInput, "bad-config", file, document.root().where(),
                      "expected an object, found " + describe(document.root().kind()));
    return false;
  }
  return true;
}

ModelConfig parseModelConfig(llvm::StringRef text, llvm::StringRef file, Diagnostics &diagnostics,
                             llvm::ArrayRef<Family> known) {
  ModelConfig config;
  checkpoint::json::Document document;
  if (parseObject(document, text, file, diagnostics)) {
    ConfigParser(document.root(), file, known, config, diagnostics).run();
  }
  return config;
}

} // namespace fathom::huggingface
