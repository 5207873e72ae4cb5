// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the family's parts to a list of tensors, shards and headers.

#include "tools/gen/GeneratePlan.h"

#include "frontend/checkpoint/Json.h"
#include "tools/gen/RandomWeights.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

#include <cmath>

namespace fathom::gen {

using namespace huggingface;
using checkpoint::DType;
using checkpoint::json::Value;

uint64_t PlannedTensor::elements() const {
  uint64_t count = 1;
  for (int64_t extent : shape) {
    count *= static_cast<uint64_t>(extent);
  }
  return count;
}

/// Mean and deviation that keep activations near 1 through any number of layers.
static std::pair<double, double> distribution(const TensorFact &fact, const std::vector<int64_t> &shape) {
  double inputs = static_cast<double>(shape.back());
  switch (fact.role) {
  case Role::Norm:
    return {1, 0.1};
  case Role::Embedding:
    return {0, 1};
  case Role::CorrectionBias:
    return {0, 0.05};
  case Role::Bias:
    return {0, 0.1};
  case Role::Router:
  case Role::Projection:
  case Role::PlainProjection:
    return {0, 1 / std::sqrt(inputs)};
  case Role::Head:
    // Logits a few wide make greedy choices clear.
    return {0, 3 / std::sqrt(inputs)};
  }
  llvm_unreachable("an unknown role");
}

static DType typeOf(const TensorFact &fact, ProjectionType type) {
  if (type == ProjectionType::Fp8 && fact.isQuantizable()) {
    return DType::F8_E4M3;
  }
  return type == ProjectionType::F32 || fact.role == Role::CorrectionBias ? DType::F32 : DType::BF16;
}

/// Appends the tensors of one fact, named `pattern`, in one layer.
static void addTensors(const TensorFact &fact, llvm::StringRef pattern, const ModelConfig &config, ProjectionType type,
                       int64_t layer, std::vector<PlannedTensor> &out) {
  PlannedTensor tensor;
  tensor.shape = shapeOf(fact, config);
  tensor.dtype = typeOf(fact, type);
  std::tie(tensor.mean, tensor.deviation) = distribution(fact, tensor.shape);
  for (int64_t expert = 0; expert < (fact.isPerExpert() ? config.routing.experts : 1); ++expert) {
    expandPattern(pattern, layer, expert, tensor.name);
    tensor.original = fact.copyOf ? fact.copyOf : tensor.name;
    out.push_back(tensor);
    if (tensor.dtype != DType::F8_E4M3) {
      continue;
    }
    // Elements fill the type's range; the scale brings them to the deviation, varied so that no two blocks that
    // were mixed up would go unnoticed.
    QuantizationConfig quantization = config.quantization.value_or(QuantizationConfig());
    double scale = tensor.deviation * noiseBound() / 448;
    std::string name = tensor.name + "_scale_inv";
    out.push_back({name, name, scaleShapeOf(tensor.shape, quantization), DType::F32, scale, scale / 10,
                   quantization.powerOfTwoScales});
  }
}

static std::vector<PlannedTensor> planTensors(const ModelConfig &config, ProjectionType type) {
  std::vector<PlannedTensor> tensors;
  for (int64_t layer = kWholeModel; layer < config.layers + config.mtpLayers; ++layer) {
    forEachTensor(config, layer, [&](const Part &part, const TensorFact &fact) {
      addTensors(fact, patternOf(part, fact, config), config, type, layer, tensors);
    });
  }
  return tensors;
}

/// Orders tensors so that each is aligned to its element size, and makes the header.
static void finishShard(PlannedShard &shard) {
  std::vector<PlannedTensor> ordered;
  for (unsigned width : {32, 16, 8}) {
    for (PlannedTensor &tensor : shard.tensors) {
      if (checkpoint::bitWidth(tensor.dtype) == width) {
        ordered.push_back(std::move(tensor));
      }
    }
  }
  shard.tensors = std::move(ordered);
  std::string json = "{\"__metadata__\":{\"format\":\"pt\"}";
  uint64_t at = 0;
  for (PlannedTensor &tensor : shard.tensors) {
    std::string shape;
    for (int64_t extent : tensor.shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    }
    tensor.offset = at;
    at += tensor.bytes();
    json += llvm::formatv(",\"{0}\":{{\"dtype\":\"{1}\",\"shape\":[{2}],\"data_offsets\":[{3},{4}]}", tensor.name,
                          name(tensor.dtype), shape, tensor.offset, at)
                .str();
  }
  json += "}";
  json.append((8 - json.size() % 8) % 8, ' ');
  char length[8];
  llvm::support::endian::write64le(length, json.size());
  shard.header = std::string(length, 8) + json;
  for (PlannedTensor &tensor : shard.tensors) {
    tensor.offset += shard.header.size();
  }
  shard.fileBytes = shard.header.size() + at;
}

std::vector<PlannedShard> planShards(const ModelConfig &config, ProjectionType type, uint64_t maxShardBytes) {
  std::vector<PlannedShard> shards(1);
  uint64_t filled = 0;
  for (PlannedTensor &tensor : planTensors(config, type)) {
    if (filled != 0 && filled + tensor.bytes() > maxShardBytes) {
      shards.emplace_back();
      filled = 0;
    }
    filled += tensor.bytes();
    shards.back().tensors.push_back(std::move(tensor));
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    shards[i].name = "model.safetensors";
    if (shards.size() > 1) {
      shards[i].name = llvm::formatv("model-{0,0+5}-of-{1,0+6}.safetensors", i + 1, shards.size()).str();
    }
    finishShard(shards[i]);
  }
  return shards;
}

std::string makeIndex(const std::vector<PlannedShard> &shards) {
  uint64_t total = 0;
  std::string map;
  for (const PlannedShard &shard : shards) {
    total += shard.fileBytes - shard.header.size();
    for (const PlannedTensor &tensor : shard.tensors) {
      map += (map.empty() ? "\n" : ",\n") + ("    \"" + tensor.name + "\": \"" + shard.name + "\"");
    }
  }
  return llvm::formatv("{{\n  \"metadata\": {{\n    \"total_size\": {0}\n  },\n  \"weight_map\": {{{1}\n  }\n}\n",
                       total, map)
      .str();
}

static void print(Value value, llvm::json::OStream &out) {
  if (value.isObject()) {
    out.object([&] {
      for (auto [key, member] : value.members()) {
        out.attributeBegin(key);
        print(member, out);
        out.attributeEnd();
      }
    });
  } else if (value.isArray()) {
    out.array([&] {
      for (Value element : value.elements()) {
        print(element, out);
      }
    });
  } else if (value.isString()) {
    out.value(value.string());
  } else {
    out.rawValue(value.spelling());
  }
}

std::string adaptConfig(llvm::StringRef text, ProjectionType type) {
  checkpoint::json::Document document;
  checkpoint::json::SyntaxError error;
  if (!document.parse(text, error)) {
    return text.str();
  }
  Value root = document.root();
  std::string result;
  llvm::raw_string_ostream stream(result);
  llvm::json::OStream out(stream, 2);
  llvm::StringRef typeKey = root.find("dtype") ? "dtype" : "torch_dtype";
  out.object([&] {
    for (auto [key, value] : root.members()) {
      if (key == "dtype" || key == "torch_dtype" || key == "quantization_config") {
        continue;
      }
      out.attributeBegin(key);
      print(value, out);
      out.attributeEnd();
    }
    out.attribute(typeKey, type == ProjectionType::F32 ? "float32" : "bfloat16");
    if (type != ProjectionType::Fp8) {
      return;
    }
    out.attributeBegin("quantization_config");
    if (Value quantization = root.find("quantization_config"); quantization.isObject()) {
      print(quantization, out);
    } else {
      out.rawValue("{\"activation_scheme\": \"dynamic\", \"fmt\": \"e4m3\", \"quant_method\": \"fp8\", "
                   "\"weight_block_size\": [128, 128]}");
    }
    out.attributeEnd();
  });
  return result + "\n";
}

} // namespace fathom::gen
