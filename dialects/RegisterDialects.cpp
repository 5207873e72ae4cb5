// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The dialects that a Fathom program may be written in.

#include "dialects/RegisterDialects.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/onnx/Onnx.h"
#include "dialects/plan/Plan.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"

namespace fathom {

void registerDialects(mlir::DialectRegistry &registry) {
  registry.insert<deepseek::DeepSeekDialect, onnx::OnnxDialect, plan::PlanDialect>();
  // All of upstream: registration is lazy, and interface implementations come with it.
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
}

} // namespace fathom
