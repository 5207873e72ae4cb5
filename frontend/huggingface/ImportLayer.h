// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds the body of one kind of layer. Internal to the importer.

#ifndef FRONTEND_HUGGINGFACE_IMPORTLAYER_H
#define FRONTEND_HUGGINGFACE_IMPORTLAYER_H

#include "dialects/deepseek/DeepSeek.h"
#include "frontend/huggingface/ModelWeights.h"

#include "mlir/IR/Builders.h"

namespace fathom::huggingface {

/// The MLIR element type of a checkpoint's tensors; null for one that no weight may have.
mlir::Type convertDType(mlir::Builder &builder, checkpoint::DType dtype);

/// Builds the ops of one layer of `group` at the builder's insertion point.
class LayerBuilder {
public:
  /// `rope` is the model's rotation, for a table of `maxContext` positions.
  LayerBuilder(mlir::OpBuilder &builder, const ModelConfig &config, const LayerGroup &group, deepseek::RopeAttr rope,
               int64_t maxContext)
      : builder(builder), config(config), group(group), rope(rope), maxContext(maxContext) {}

  struct State {
    mlir::Value stream; // [rows, hidden]
    mlir::Value cache;
  };

  /// x + attention(norm(x)), then x + feed-forward(norm(x)).
  State build(State in, mlir::Value positions, mlir::Value layer);

private:
  mlir::Value attention(mlir::Value input, mlir::Value &cache);
  mlir::Value query(mlir::Value input);
  mlir::Value feedForward(mlir::Value input);
  mlir::Value mixtureOfExperts(mlir::Value input);
  mlir::Value mlp(mlir::Value input, llvm::StringRef prefix);

  mlir::Value norm(mlir::Value input, llvm::StringRef part, double epsilon);
  mlir::Value linear(mlir::Value input, llvm::StringRef part);
  mlir::Value columns(mlir::Value input, int64_t begin, int64_t count);
  /// The value of a part's weight in the layer at hand; null when the group has no such part.
  mlir::Value weight(const llvm::Twine &part);
  mlir::Type activation(int64_t width);
  deepseek::BlockScaleAttr block(mlir::Value scale);

  mlir::OpBuilder &builder;
  const ModelConfig &config;
  const LayerGroup &group;
  deepseek::RopeAttr rope;
  int64_t maxContext;
  mlir::Value positions;
  mlir::Value layer;
  mlir::Value table;
};

} // namespace fathom::huggingface

#endif // FRONTEND_HUGGINGFACE_IMPORTLAYER_H
