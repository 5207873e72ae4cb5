// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary embedding in config.json, as released (rope_theta, rope_scaling) and as newer files spell it
// (rope_parameters).

#include "frontend/huggingface/ConfigParser.h"

namespace fathom::huggingface {

using checkpoint::json::Value;

/// What both spellings of YaRN have, as numbers.
struct ScalingField {
  const char *key;
  double (*value)(const RopeConfig &);
};

static constexpr ScalingField scalingFields[] = {
    {"rope_type", [](const RopeConfig &rope) { return rope.yarn     ? 1.0
                                                      : rope.linear ? 2.0
                                                      : rope.llama3 ? 3.0
                                                                    : 0.0; }},
    {"factor", [](const RopeConfig &rope) { return rope.factor; }},
    {"original_max_position_embeddings",
     [](const RopeConfig &rope) { return static_cast<double>(rope.originalMaxPositions); }},
    {"beta_fast", [](const RopeConfig &rope) { return rope.betaFast; }},
    {"beta_slow", [](const RopeConfig &rope) { return rope.betaSlow; }},
    {"mscale", [](const RopeConfig &rope) { return rope.mscale; }},
    {"mscale_all_dim", [](const RopeConfig &rope) { return rope.mscaleAllDim; }},
    {"low_freq_factor", [](const RopeConfig &rope) { return rope.lowFrequencyFactor; }},
    {"high_freq_factor", [](const RopeConfig &rope) { return rope.highFrequencyFactor; }},
    {"truncate", [](const RopeConfig &rope) { return rope.truncate ? 1.0 : 0.0; }},
    {"attention_factor", [](const RopeConfig &rope) { return rope.attentionFactor.value_or(0); }},
};

static std::string quoteField(Value object, llvm::StringRef key) {
  Value value = object.find(key);
  value = !value && key == "rope_type" ? object.find("type") : value;
  return value ? quote(value) : "absent";
}

/// An object in which nothing is said is one that is not there.
static Value unlessEmpty(Value object) {
  bool empty = object.isObject();
  for (auto [key, value] : object.members()) {
    empty = empty && value.isNull();
  }
  return empty ? Value() : object;
}

void ConfigParser::rope() {
  Value scaling = unlessEmpty(keys.get("rope_scaling")), parameters = unlessEmpty(keys.get("rope_parameters"));
  size_t errorsBefore = diagnostics.errorCount();
  ropeTheta();
  checkPartial(keys);
  RopeConfig older = modelConfig.rope;
  ropeScaling(parameters, "rope_parameters", modelConfig.rope);
  ropeScaling(scaling, "rope_scaling", parameters ? older : modelConfig.rope);
  if (!parameters || !scaling || diagnostics.errorCount() != errorsBefore) {
    return;
  }
  ConfigReader inner(parameters, file, "rope_parameters.", modelConfig.modelType, diagnostics);
  for (const ScalingField &field : scalingFields) {
    if (field.value(modelConfig.rope) != field.value(older)) {
      inner.bad(field.key, "is " + quoteField(parameters, field.key) + ", but \"rope_scaling." + field.key + "\" is " +
                               quoteField(scaling, field.key));
    }
  }
}

/// The base is at the top or, in newer files, beside the scaling; it is the same wherever it is.
void ConfigParser::ropeTheta() {
  size_t errorsBefore = diagnostics.errorCount();
  Value first;
  for (std::string key : {"", "rope_scaling", "rope_parameters"}) {
    Value object = key.empty() ? root : keys.get(key);
    ConfigReader inner(object, file, key.empty() ? "" : key + ".", modelConfig.modelType, diagnostics);
    double theta = modelConfig.rope.theta;
    if (!inner.real("rope_theta", theta, 1.0001, 1e12, Need::Optional)) {
      continue;
    }
    if (first && theta != modelConfig.rope.theta) {
      inner.bad("rope_theta",
                "is " + quote(object.find("rope_theta")) + ", but it is " + quote(first) + " at " + first.where());
    }
    first = object.find("rope_theta");
    modelConfig.rope.theta = theta;
  }
  if (!first && diagnostics.errorCount() == errorsBefore) {
    keys.get("rope_theta", Need::Required);
  }
}

void ConfigParser::checkPartial(ConfigReader &from) {
  double partial = 1;
  if (from.real("partial_rotary_factor", partial, 0, 1, Need::Optional) && partial != 1) {
    from.unsupported("partial_rotary_factor", "is not 1, supported is 1");
  }
}

void ConfigParser::ropeScaling(Value object, llvm::StringRef key, RopeConfig &out) {
  if (!object) {
    return;
  }
  if (!object.isObject()) {
    keys.bad(key, "is " + quote(object) + ", expected an object or null");
    return;
  }
  ConfigReader scaling(object, file, key.str() + ".", modelConfig.modelType, diagnostics);
  checkPartial(scaling);
  Value type = scaling.getEither("rope_type", "type");
  if (!type) {
    checkUntyped(object, scaling);
    return;
  }
  if (!type.isString()) {
    scaling.bad("type", "is " + quote(type) + ", expected a string");
    return;
  }
  if (type.string() == "yarn") {
    yarn(scaling, out);
  } else if (type.string() == "linear") {
    out.linear = true;
    scaling.real("factor", out.factor, 1, 1e6);
  } else if (type.string() == "llama3") {
    llama3(scaling, out);
  } else if (type.string() != "default") {
    scaling.unsupported(object.find("rope_type") ? "rope_type" : "type",
                        "is " + quote(type) + ", supported are yarn, linear, llama3, default");
  }
}

/// Newer files have the base beside the scaling whether they scale or not; anything else needs the type.
void ConfigParser::checkUntyped(Value object, ConfigReader &scaling) {
  for (auto [key, value] : object.members()) {
    if (!value.isNull() && key != "rope_theta" && key != "partial_rotary_factor") {
      scaling.bad("rope_type",
                  "is missing, but \"" + checkpoint::escape(key, 80) + "\" is given; say \"yarn\" or \"default\" here");
      return;
    }
  }
}

void ConfigParser::llama3(ConfigReader &scaling, RopeConfig &out) {
  out.llama3 = true;
  scaling.real("factor", out.factor, 1, 1e6);
  scaling.integer("original_max_position_embeddings", out.originalMaxPositions, 1, maxPosition);
  scaling.real("low_freq_factor", out.lowFrequencyFactor, 1e-6, 1e6);
  scaling.real("high_freq_factor", out.highFrequencyFactor, 1e-6, 1e6);
  if (out.highFrequencyFactor <= out.lowFrequencyFactor) {
    scaling.bad("high_freq_factor", "is not above \"low_freq_factor\"");
  }
}

void ConfigParser::yarn(ConfigReader &scaling, RopeConfig &out) {
  out.yarn = true;
  scaling.real("factor", out.factor, 1, 1e6);
  scaling.integer("original_max_position_embeddings", out.originalMaxPositions, 1, maxPosition);
  scaling.real("beta_fast", out.betaFast, 1e-6, 1e6, Need::Optional);
  scaling.real("beta_slow", out.betaSlow, 1e-6, 1e6, Need::Optional);
  bool mscale = scaling.real("mscale", out.mscale, 0, 100, Need::Optional);
  bool allDim = scaling.real("mscale_all_dim", out.mscaleAllDim, 0, 100, Need::Optional);
  scaling.boolean("truncate", out.truncate);
  double factor = 1;
  if (scaling.real("attention_factor", factor, 1e-6, 1e6, Need::Optional)) {
    out.attentionFactor = factor;
  }
  // One without the other means different things to different implementations.
  if ((mscale && out.mscale != 0) != (allDim && out.mscaleAllDim != 0) && !out.attentionFactor) {
    scaling.unsupported("mscale", "and \"mscale_all_dim\" must both be given, or neither");
  }
  if (out.betaFast < out.betaSlow) {
    scaling.bad("beta_fast", "is smaller than \"beta_slow\"");
  }
}

} // namespace fathom::huggingface
