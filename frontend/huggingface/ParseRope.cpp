// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary embedding in config.json, as released (rope_theta, rope_scaling) and as newer files spell it
// (rope_parameters).

#include "frontend/huggingface/ConfigParser.h"

#include "llvm/ADT/StringExtras.h"

namespace fathom::huggingface {

using checkpoint::json::Value;

template <auto Member>
constexpr auto kRope = at<&ModelConfig::rope, Member>;

constexpr Field kFactor = {"factor", kRope<&RopeConfig::factor>, Need::Required, 1, 1e6};
/// Absent: max_position_embeddings.
constexpr Field kOriginalPositions = {"original_max_position_embeddings", kRope<&RopeConfig::originalMaxPositions>,
                                      Need::Optional, 1, kMaxPosition};

static constexpr Field kFactorAlone[] = {kFactor};

static constexpr Field kLlama3Fields[] = {
    kFactor,
    kOriginalPositions,
    {"low_freq_factor", kRope<&RopeConfig::lowFrequencyFactor>, Need::Required, 1e-6, 1e6},
    {"high_freq_factor", kRope<&RopeConfig::highFrequencyFactor>, Need::Required, 1e-6, 1e6},
};

static constexpr Field kYarnFields[] = {
    kFactor,
    kOriginalPositions,
    {"beta_fast", kRope<&RopeConfig::betaFast>, Need::Optional, 1e-6, 1e6},
    {"beta_slow", kRope<&RopeConfig::betaSlow>, Need::Optional, 1e-6, 1e6},
    {"mscale", kRope<&RopeConfig::mscale>, Need::Optional, 0, 100},
    {"mscale_all_dim", kRope<&RopeConfig::mscaleAllDim>, Need::Optional, 0, 100},
    {"truncate", kRope<&RopeConfig::truncate>, Need::Optional},
    {"attention_factor", kRope<&RopeConfig::attentionFactor>, Need::Optional, 1e-6, 1e6},
};

/// A value of rope_type, and what it reads.
struct ScalingMethod {
  const char *name;
  RopeScaling scaling;
  llvm::ArrayRef<Field> fields;
};

static constexpr ScalingMethod kMethods[] = {
    {"default", RopeScaling::None, {}},
    {"linear", RopeScaling::Linear, kFactorAlone},
    // Changes the base once a sequence is longer than max_position_embeddings.
    {"dynamic", RopeScaling::None, kFactorAlone},
    {"yarn", RopeScaling::Yarn, kYarnFields},
    {"llama3", RopeScaling::Llama3, kLlama3Fields},
};

llvm::StringRef name(RopeScaling scaling) {
  return llvm::find_if(kMethods, [&](const ScalingMethod &method) { return method.scaling == scaling; })->name;
}

static const ScalingMethod *findMethod(llvm::StringRef name) {
  const ScalingMethod *found =
      llvm::find_if(kMethods, [&](const ScalingMethod &method) { return name == method.name; });
  return found == std::end(kMethods) ? nullptr : found;
}

static std::string methodNames() {
  return llvm::join(llvm::map_range(kMethods, [](const ScalingMethod &method) { return method.name; }), ", ");
}

static double valueOf(const Field &field, ModelConfig &config) {
  return std::visit([&](auto slot) { return static_cast<double>(slot(config)); }, field.slot);
}

static std::string quoteField(Value object, llvm::StringRef key) {
  Value value = object.find(key);
  value = !value && key == "rope_type" ? object.find("type") : value;
  return value ? quote(value) : "absent";
}

void ConfigParser::rope() {
  Value scaling = unlessEmpty(keys.get("rope_scaling")), parameters = unlessEmpty(keys.get("rope_parameters"));
  size_t errorsBefore = diagnostics.errorCount();
  ropeTheta();
  checkPartial(keys);
  ModelConfig older = modelConfig;
  ropeScaling(parameters, "rope_parameters", modelConfig);
  ropeScaling(scaling, "rope_scaling", parameters ? older : modelConfig);
  if (parameters && scaling && diagnostics.errorCount() == errorsBefore) {
    compareSpellings(parameters, scaling, older);
  }
}

/// What the two spellings say of the same fields must be the same.
void ConfigParser::compareSpellings(Value parameters, Value scaling, ModelConfig &older) {
  ConfigReader inner(parameters, file, "rope_parameters.", modelConfig.modelType, diagnostics);
  auto differs = [&](llvm::StringRef key) {
    inner.bad(key, "is " + quoteField(parameters, key) + ", but \"rope_scaling." + key + "\" is " +
                       quoteField(scaling, key));
  };
  if (modelConfig.rope.scaling != older.rope.scaling) {
    differs("rope_type");
    return;
  }
  for (const ScalingMethod &method : kMethods) {
    for (const Field &field : method.scaling == modelConfig.rope.scaling ? method.fields : llvm::ArrayRef<Field>()) {
      if (valueOf(field, modelConfig) != valueOf(field, older)) {
        differs(field.key);
      }
    }
  }
}

/// The base is at the top or, in newer files, beside the scaling; it is the same wherever it is. Where it is nowhere,
/// it is 10000, as in Hugging Face's configurations of all these families.
void ConfigParser::ropeTheta() {
  Value first;
  bool given = false;
  for (std::string key : {"", "rope_scaling", "rope_parameters"}) {
    Value object = key.empty() ? root : keys.get(key);
    ConfigReader inner(object, file, key.empty() ? "" : key + ".", modelConfig.modelType, diagnostics);
    double theta = modelConfig.rope.theta;
    given |= bool(inner.get("rope_theta"));
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
  if (!given) {
    keys.warnOfDefault("rope_theta", quote(modelConfig.rope.theta));
  }
}

void ConfigParser::checkPartial(ConfigReader &from) {
  double partial = 1;
  if (from.real("partial_rotary_factor", partial, 0, 1, Need::Optional) && partial != 1) {
    from.unsupported("partial_rotary_factor", "is not 1, but the only supported value is 1");
  }
}

void ConfigParser::ropeScaling(Value object, llvm::StringRef key, ModelConfig &out) {
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
  const ScalingMethod *method = findMethod(type.string());
  if (!method) {
    scaling.unsupported(object.find("rope_type") ? "rope_type" : "type",
                        "is " + quote(type) + ", expected one of " + methodNames());
    return;
  }
  out.rope.scaling = method->scaling;
  // As transformers has it, where the object does not say how long the contexts of training were.
  out.rope.originalMaxPositions = out.maxPositions;
  scaling.setOwner(std::string("\"rope_type\" ") + method->name);
  read(method->fields, scaling, out);
  if (out.rope.scaling == RopeScaling::Llama3 || out.rope.scaling == RopeScaling::Yarn) {
    originalPositions(scaling, out.rope);
  }
  checkScaling(scaling, out.rope);
  warnOfUnreadScaling(object, key, method->fields);
}

/// The length of training may also stand beside the object, where newer programs look first.
void ConfigParser::originalPositions(ConfigReader &scaling, RopeConfig &rope) {
  bool within = bool(scaling.get(kOriginalPositions.key));
  int64_t beside = rope.originalMaxPositions;
  if (!keys.integer(kOriginalPositions.key, beside, 1, kMaxPosition, Need::Optional)) {
    if (!within) {
      scaling.warnOfDefault(kOriginalPositions.key, quote(rope.originalMaxPositions));
    }
  } else if (within && beside != rope.originalMaxPositions) {
    scaling.bad(kOriginalPositions.key, "is " + llvm::Twine(rope.originalMaxPositions) + ", but it is " +
                                            llvm::Twine(beside) + " beside the scaling");
  } else {
    rope.originalMaxPositions = beside;
  }
}

/// What Hugging Face's transformers ignores is ignored with a warning: other programs may not, as with "attn_factor".
void ConfigParser::warnOfUnreadScaling(Value object, llvm::StringRef key, llvm::ArrayRef<Field> fields) {
  for (auto [name, value] : object.members()) {
    bool read = llvm::any_of(fields, [&, name = name](const Field &field) { return name == field.key; }) ||
                llvm::is_contained({"rope_type", "type", "rope_theta", "partial_rotary_factor"}, name);
    if (!read && !value.isNull()) {
      diagnostics.warning("unread-config", file, value.where(),
                          "\"" + key + "." + escape(name, 80) + "\" is " + quote(value) +
                              ", which this \"rope_type\" does not read; it is ignored");
    }
  }
}

/// Newer files have the base beside the scaling whether they scale or not; anything else needs the type. Models whose
/// layers differ have such an object for each kind of layer.
void ConfigParser::checkUntyped(Value object, ConfigReader &scaling) {
  for (auto [key, value] : object.members()) {
    if (value.isObject()) {
      scaling.unsupported(escape(key, 80),
                          "is an object: parameters for one kind of layer, but the only supported ones "
                          "are those of all layers");
      return;
    }
    if (!value.isNull() && key != "rope_theta" && key != "partial_rotary_factor") {
      scaling.bad("rope_type",
                  "is missing, but \"" + escape(key, 80) + "\" is given; expected one of " + methodNames());
      return;
    }
  }
}

/// Relations between fields, each right by itself.
void ConfigParser::checkScaling(ConfigReader &scaling, const RopeConfig &rope) {
  switch (rope.scaling) {
  case RopeScaling::None:
  case RopeScaling::Linear:
    return;
  case RopeScaling::Llama3:
    if (rope.highFrequencyFactor <= rope.lowFrequencyFactor) {
      scaling.bad("high_freq_factor", "is not above \"low_freq_factor\"");
    }
    return;
  case RopeScaling::Yarn:
    // One without the other means different things to different implementations.
    if ((rope.mscale != 0) != (rope.mscaleAllDim != 0) && rope.attentionFactor == 0) {
      scaling.unsupported("mscale", "and \"mscale_all_dim\" must both be given, or neither");
    }
    if (rope.betaFast < rope.betaSlow) {
      scaling.bad("beta_fast", "is smaller than \"beta_slow\"");
    }
    return;
  }
  llvm_unreachable("an unknown scaling");
}

} // namespace fathom::huggingface
