// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary embedding in config.json, as released (rope_theta, rope_scaling) and as newer files spell it
// (rope_parameters).

#include "frontend/huggingface/ConfigParser.h"

namespace fathom::huggingface {

using checkpoint::json::Value;

void ConfigParser::rope() {
  Value scaling = reader.get("rope_scaling"), parameters = reader.get("rope_parameters");
  double nested = 0;
  bool hasNested = false;
  if (parameters && parameters.isObject()) {
    ConfigReader inner(parameters, file, "rope_parameters.", config.modelType, diagnostics);
    hasNested = inner.real("rope_theta", nested, 1.0001, 1e12, Need::Optional);
  }
  bool hasTheta = reader.real("rope_theta", config.rope.theta, 1.0001, 1e12,
                              hasNested || (parameters && !parameters.isObject()) ? Need::Optional : Need::Required);
  if (hasNested && hasTheta && nested != config.rope.theta) {
    reader.bad("rope_theta", "differs from \"rope_parameters.rope_theta\"");
  }
  config.rope.theta = hasNested ? nested : config.rope.theta;
  reader.boolean("rope_interleave", config.rope.interleaved);

  RopeConfig older = config.rope;
  ropeScaling(parameters, "rope_parameters", config.rope);
  ropeScaling(scaling, "rope_scaling", parameters ? older : config.rope);
  bool agree = config.rope.yarn == older.yarn && config.rope.factor == older.factor &&
               config.rope.originalMaxPositions == older.originalMaxPositions &&
               config.rope.mscaleAllDim == older.mscaleAllDim && config.rope.mscale == older.mscale;
  if (parameters && scaling && !agree) {
    reader.bad("rope_parameters", "differs from \"rope_scaling\"");
  }
}

void ConfigParser::ropeScaling(Value object, llvm::StringRef key, RopeConfig &out) {
  if (!object) {
    return;
  }
  if (!object.isObject()) {
    reader.bad(key, "is " + quote(object) + ", expected an object or null");
    return;
  }
  ConfigReader scaling(object, file, key.str() + ".", config.modelType, diagnostics);
  Value type = scaling.getEither("rope_type", "type");
  if (!type && key == "rope_parameters") {
    return;
  }
  if (!type || !type.isString()) {
    scaling.bad("type", "is " + (type ? quote(type) : std::string("missing")) + ", expected a string");
    return;
  }
  double partial = 1;
  if (scaling.real("partial_rotary_factor", partial, 0, 1, Need::Optional) && partial != 1) {
    scaling.unsupported("partial_rotary_factor", "is not 1, supported is 1");
  }
  if (type.string() == "yarn") {
    yarn(scaling, out);
  } else if (type.string() != "default") {
    scaling.unsupported(object.find("rope_type") ? "rope_type" : "type",
                        "is " + quote(type) + ", supported are yarn, default");
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
