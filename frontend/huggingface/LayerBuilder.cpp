// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A layer is a chain of residual blocks, one for each part that computes.

#include "frontend/huggingface/LayerBuilder.h"

#include "frontend/huggingface/Families.h"

using namespace mlir;

namespace fathom::huggingface {

Type convertDType(Builder &builder, checkpoint::DType dtype) {
  switch (dtype) {
  case checkpoint::DType::BF16:
    return builder.getBF16Type();
  case checkpoint::DType::F16:
    return builder.getF16Type();
  case checkpoint::DType::F32:
    return builder.getF32Type();
  case checkpoint::DType::F8_E4M3:
    return Float8E4M3FNType::get(builder.getContext());
  default:
    return Type();
  }
}

Type getReadType(Builder &builder, checkpoint::DType dtype) {
  return dtype == checkpoint::DType::F16 ? builder.getF32Type() : convertDType(builder, dtype);
}

LayerBuilder::State LayerBuilder::build(State in, Value positions, Value layer) {
  positionValue = positions;
  layerIndex = layer;
  cacheValue = in.cache;
  int64_t pairs = rope.getFrequencies().size();
  auto tableType = RankedTensorType::get({maxContext, pairs, 2}, builder.getF32Type());
  table = deepseek::RopeTableOp::create(builder, loc(), tableType, rope);
  Value stream = in.stream;
  for (const Part *part : modelConfig.family->parts) {
    if (part->build && isInLayer(*part, modelConfig, group.layers.front())) {
      stream = add(stream, part->build(*this, norm(stream, part->norm, modelConfig.rmsNormEpsilon)));
    }
  }
  return {stream, cacheValue};
}

static deepseek::RopeLayout getLayout(bool interleaved) {
  return interleaved ? deepseek::RopeLayout::interleaved : deepseek::RopeLayout::half_split;
}

deepseek::RopeLayout LayerBuilder::ropeLayout() const { return getLayout(modelConfig.rope.interleaved); }

Value LayerBuilder::swiGlu(Value input, StringRef prefix) {
  Value gate = linear(input, (prefix + "gate_proj").str());
  Value up = linear(input, (prefix + "up_proj").str());
  Value product = deepseek::SwiGluOp::create(builder, loc(), gate.getType(), gate, up);
  return linear(product, (prefix + "down_proj").str());
}

Value LayerBuilder::norm(Value input, StringRef stack, double epsilon) {
  return deepseek::RmsNormOp::create(builder, loc(), input.getType(), input, weight(stack), llvm::APFloat(epsilon));
}

Value LayerBuilder::layerNorm(Value input, StringRef stack, double epsilon) {
  return deepseek::LayerNormOp::create(builder, loc(), input.getType(), input, weight(stack), weight(stack + ".bias"),
                                       llvm::APFloat(epsilon));
}

Value LayerBuilder::linear(Value input, StringRef stack) {
  Value matrix = weight(stack);
  Value scale = weight(stack + "_scale_inv");
  int64_t outputs = cast<RankedTensorType>(matrix.getType()).getDimSize(0);
  return deepseek::LinearOp::create(builder, loc(), activation(outputs), input, matrix, scale, weight(stack + ".bias"),
                                    ValueRange(), block(scale));
}

Value LayerBuilder::columns(Value input, int64_t begin, int64_t count) {
  OpFoldResult rows = tensor::getMixedSizes(builder, loc(), positionValue)[0];
  return deepseek::sliceColumns(builder, loc(), input, rows, begin, count);
}

Value LayerBuilder::add(Value left, Value right) { return arith::AddFOp::create(builder, loc(), left, right); }

Value LayerBuilder::rotate(Value input) {
  return deepseek::RopeOp::create(builder, loc(), input.getType(), input, table, positionValue, ropeLayout());
}

Value LayerBuilder::rotateFirst(Value input, int64_t headDim, bool interleaved) {
  return deepseek::RopeOp::create(builder, loc(), input.getType(), input, table, positionValue, getLayout(interleaved),
                                  builder.getI64IntegerAttr(headDim));
}

void LayerBuilder::store(StringRef name, ValueRange parts) {
  cacheValue = deepseek::CacheAppendOp::create(builder, loc(), cacheValue.getType(), cacheValue, name, layerIndex,
                                               parts, positionValue);
}

Value LayerBuilder::weight(const Twine &name) {
  const WeightStack *stack = group.find(name.str());
  // What a layer may lack, as a bias or scales, is an operand that its op may lack.
  if (!stack) {
    return Value();
  }
  SmallVector<int64_t> shape(stack->shape.begin(), stack->shape.end());
  if (stack->experts > 0) {
    shape.insert(shape.begin(), stack->experts);
  }
  auto type = RankedTensorType::get(shape, getReadType(builder, stack->dtype));
  return deepseek::GetWeightOp::create(builder, loc(), type, group.name + "." + stack->part, layerIndex);
}

Type LayerBuilder::activation(int64_t width) {
  return RankedTensorType::get({ShapedType::kDynamic, width}, builder.getF32Type());
}

deepseek::BlockScaleAttr LayerBuilder::block(Value scale) {
  if (!scale) {
    return nullptr;
  }
  const QuantizationConfig &quantization = *modelConfig.quantization;
  return deepseek::BlockScaleAttr::get(builder.getContext(), quantization.blockRows, quantization.blockColumns);
}

} // namespace fathom::huggingface
