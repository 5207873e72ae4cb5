// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The body of a DeepSeek-V2 or V3 layer: multi-head latent attention, then a dense or a mixture-of-experts network.

#include "frontend/huggingface/ImportLayer.h"

using namespace mlir;

namespace fathom::huggingface {

Type convertDType(Builder &builder, checkpoint::DType dtype) {
  switch (dtype) {
  case checkpoint::DType::BF16:
    return builder.getBF16Type();
  case checkpoint::DType::F32:
    return builder.getF32Type();
  case checkpoint::DType::F8_E4M3:
    return Float8E4M3FNType::get(builder.getContext());
  default:
    return Type();
  }
}

static deepseek::RopeLayout getLayout(const ModelConfig &config) {
  return config.rope.interleaved ? deepseek::RopeLayout::interleaved : deepseek::RopeLayout::half_split;
}

LayerBuilder::State LayerBuilder::build(State in, Value positionsIn, Value layerIn) {
  positions = positionsIn;
  layer = layerIn;
  mlir::Location loc = builder.getUnknownLoc();
  int64_t pairs = rope.getFrequencies().size();
  table = deepseek::RopeTableOp::create(builder, loc,
                                        RankedTensorType::get({maxContext, pairs, 2}, builder.getF32Type()), rope);
  Value attended = attention(norm(in.stream, "input_layernorm", config.rmsNormEpsilon), in.cache);
  Value stream = arith::AddFOp::create(builder, loc, in.stream, attended);
  Value mixed = feedForward(norm(stream, "post_attention_layernorm", config.rmsNormEpsilon));
  return {arith::AddFOp::create(builder, loc, stream, mixed), in.cache};
}

Value LayerBuilder::attention(Value input, Value &cache) {
  const AttentionConfig &shape = config.attention;
  mlir::Location loc = builder.getUnknownLoc();
  Value q = query(input);
  Value kv = linear(input, "self_attn.kv_a_proj_with_mqa");
  Value latent = norm(columns(kv, 0, shape.kvLoraRank), "self_attn.kv_a_layernorm", config.latentNormEpsilon);
  Value key = columns(kv, shape.kvLoraRank, shape.qkRopeHeadDim);
  key = deepseek::RopeOp::create(builder, loc, key.getType(), key, table, positions, getLayout(config));
  cache = deepseek::CacheAppendOp::create(builder, loc, cache.getType(), cache, layer, latent, key, positions);
  Value scale = weight("self_attn.kv_b_proj_scale_inv");
  Value attended = deepseek::MlaAttentionOp::create(
      builder, loc, activation(shape.heads * shape.vHeadDim), q, cache, layer, weight("self_attn.kv_b_proj"), scale,
      table, positions, block(scale), shape.heads, shape.qkNopeHeadDim, shape.qkRopeHeadDim, shape.vHeadDim,
      llvm::APFloat(config.softmaxScale()), getLayout(config));
  return linear(attended, "self_attn.o_proj");
}

Value LayerBuilder::query(Value input) {
  if (config.attention.qLoraRank == 0) {
    return linear(input, "self_attn.q_proj");
  }
  Value latent = linear(input, "self_attn.q_a_proj");
  return linear(norm(latent, "self_attn.q_a_layernorm", config.latentNormEpsilon), "self_attn.q_b_proj");
}

Value LayerBuilder::feedForward(Value input) { return group.moe ? mixtureOfExperts(input) : mlp(input, "mlp."); }

static deepseek::RoutingAttr convertRouting(MLIRContext *context, const RoutingConfig &routing) {
  auto scoring =
      routing.scoreFunction == ScoreFunction::Softmax ? deepseek::Scoring::softmax : deepseek::Scoring::sigmoid;
  deepseek::GroupRule rule = deepseek::GroupRule::none;
  if (routing.groupScore == GroupScore::Maximum) {
    rule = deepseek::GroupRule::max;
  } else if (routing.groupScore == GroupScore::SumOfTopTwo) {
    rule = deepseek::GroupRule::top2_sum;
  }
  return deepseek::RoutingAttr::get(context, scoring, rule, routing.expertsPerToken, routing.groups, routing.topGroups,
                                    routing.normalise, routing.scale);
}

Value LayerBuilder::mixtureOfExperts(Value input) {
  const RoutingConfig &routing = config.routing;
  mlir::Location loc = builder.getUnknownLoc();
  int64_t rows = cast<RankedTensorType>(input.getType()).getDimSize(0);
  auto idsType = RankedTensorType::get({rows, routing.expertsPerToken}, builder.getI32Type());
  auto gate = deepseek::MoEGateOp::create(builder, loc, idsType, activation(routing.expertsPerToken),
                                          linear(input, "mlp.gate"), weight("mlp.gate.e_score_correction_bias"),
                                          convertRouting(builder.getContext(), routing));
  Value gateScale = weight("mlp.experts.gate_proj_scale_inv");
  Value result = deepseek::MoEExpertsOp::create(
      builder, loc, input.getType(), input, gate.getIds(), gate.getWeights(), weight("mlp.experts.gate_proj"),
      weight("mlp.experts.up_proj"), weight("mlp.experts.down_proj"), gateScale,
      weight("mlp.experts.up_proj_scale_inv"), weight("mlp.experts.down_proj_scale_inv"), block(gateScale));
  if (routing.sharedExperts == 0) {
    return result;
  }
  return arith::AddFOp::create(builder, loc, result, mlp(input, "mlp.shared_experts."));
}

Value LayerBuilder::mlp(Value input, StringRef prefix) {
  Value gate = linear(input, (prefix + "gate_proj").str());
  Value up = linear(input, (prefix + "up_proj").str());
  Value product = deepseek::SwiGluOp::create(builder, builder.getUnknownLoc(), gate.getType(), gate, up);
  return linear(product, (prefix + "down_proj").str());
}

Value LayerBuilder::norm(Value input, StringRef part, double epsilon) {
  return deepseek::RmsNormOp::create(builder, builder.getUnknownLoc(), input.getType(), input, weight(part),
                                     llvm::APFloat(epsilon));
}

Value LayerBuilder::linear(Value input, StringRef part) {
  Value matrix = weight(part);
  Value scale = weight(part + "_scale_inv");
  int64_t outputs = cast<RankedTensorType>(matrix.getType()).getDimSize(0);
  return deepseek::LinearOp::create(builder, builder.getUnknownLoc(), activation(outputs), input, matrix, scale,
                                    Value(), ValueRange(), block(scale));
}

Value LayerBuilder::columns(Value input, int64_t begin, int64_t count) {
  mlir::Location loc = builder.getUnknownLoc();
  OpFoldResult rows = tensor::getMixedSizes(builder, loc, positions)[0];
  return deepseek::sliceColumns(builder, loc, input, rows, begin, count);
}

Value LayerBuilder::weight(const Twine &part) {
  const WeightStack *stack = group.find(part.str());
  if (!stack) {
    return Value();
  }
  SmallVector<int64_t> shape(stack->shape.begin(), stack->shape.end());
  if (stack->experts > 0) {
    shape.insert(shape.begin(), stack->experts);
  }
  auto type = RankedTensorType::get(shape, convertDType(builder, stack->dtype));
  return deepseek::GetWeightOp::create(builder, builder.getUnknownLoc(), type, group.name + "." + stack->part, layer);
}

Type LayerBuilder::activation(int64_t width) {
  return RankedTensorType::get({ShapedType::kDynamic, width}, builder.getF32Type());
}

deepseek::BlockScaleAttr LayerBuilder::block(Value scale) {
  if (!scale) {
    return nullptr;
  }
  return deepseek::BlockScaleAttr::get(builder.getContext(), config.quantization->blockRows,
                                       config.quantization->blockColumns);
}

} // namespace fathom::huggingface
