// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds the body of one kind of layer from the parts of its family, and offers them what they build with. Internal to
// the importer.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_LAYERBUILDER_H
#define FATHOM_FRONTEND_HUGGINGFACE_LAYERBUILDER_H

#include "dialects/deepseek/DeepSeek.h"
#include "frontend/huggingface/ModelWeights.h"

#include "mlir/IR/Builders.h"

namespace fathom::huggingface {

/// The MLIR element type of a checkpoint's tensors; null for one that no weight may have.
mlir::Type convertDType(mlir::Builder &builder, checkpoint::DType dtype);

/// What code reads instead: f16, which no kernel reads, becomes f32.
mlir::Type getReadType(mlir::Builder &builder, checkpoint::DType dtype);

/// Builds the ops of one layer of `group` at the builder's insertion point.
class LayerBuilder {
public:
  struct State {
    mlir::Value stream; // [rows, hidden]
    mlir::Value cache;
  };

  /// `rope` is the model's rotation, for a table of `maxContext` positions.
  LayerBuilder(mlir::OpBuilder &builder, const ModelConfig &config, const LayerGroup &group, deepseek::RopeAttr rope,
               int64_t maxContext)
      : builder(builder), modelConfig(config), group(group), rope(rope), maxContext(maxContext) {}

  /// x + part(norm(x)) for each part that computes.
  State build(State in, mlir::Value positions, mlir::Value layer);

  /// From now on builds with the weights of `layer`, an index; outside of a layer's function.
  void setLayer(mlir::Value layer) { layerIndex = layer; }

  // For parts.
  const ModelConfig &config() const { return modelConfig; }
  mlir::OpBuilder &ops() { return builder; }
  mlir::Location loc() { return builder.getUnknownLoc(); }
  /// i32 [rows]
  mlir::Value positions() const { return positionValue; }
  mlir::Value layer() const { return layerIndex; }
  mlir::Value cache() const { return cacheValue; }
  /// f32 [max context, pairs, 2]
  mlir::Value ropeTable() const { return table; }
  deepseek::RopeLayout ropeLayout() const;

  /// Root-mean-square norm with the weight `stack`.
  mlir::Value norm(mlir::Value input, llvm::StringRef stack, double epsilon);
  /// Norm of mean and variance with the weight `stack` and its bias.
  mlir::Value layerNorm(mlir::Value input, llvm::StringRef stack, double epsilon);
  /// input * weight^T, with the scales and the bias that the weight has.
  mlir::Value linear(mlir::Value input, llvm::StringRef stack);
  /// down(silu(gate(x)) * up(x)) with <prefix>gate_proj and so on.
  mlir::Value swiGlu(mlir::Value input, llvm::StringRef prefix);
  mlir::Value columns(mlir::Value input, int64_t begin, int64_t count);
  mlir::Value add(mlir::Value left, mlir::Value right);
  /// Rotates each row by its position.
  mlir::Value rotate(mlir::Value input);
  /// The same of the first numbers of each head of `headDim`, as many as the model rotates.
  mlir::Value rotateFirst(mlir::Value input, int64_t headDim, bool interleaved);
  /// Writes a row of the store `name` for each token: the parts side by side.
  void store(llvm::StringRef name, mlir::ValueRange parts);
  /// The value of a weight in the layer at hand; null when the group has no such weight.
  mlir::Value weight(const llvm::Twine &stack);
  /// f32 [rows, width]
  mlir::Type activation(int64_t width);
  /// The blocks of `scale`; null for null.
  deepseek::BlockScaleAttr block(mlir::Value scale);

private:
  mlir::OpBuilder &builder;
  const ModelConfig &modelConfig;
  const LayerGroup &group;
  deepseek::RopeAttr rope;
  int64_t maxContext;
  mlir::Value positionValue;
  mlir::Value layerIndex;
  mlir::Value cacheValue;
  mlir::Value table;
};

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_LAYERBUILDER_H
