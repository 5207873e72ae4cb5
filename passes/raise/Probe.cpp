// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Graphs while they are evaluated for what their inputs may be.

#include "passes/raise/Probe.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/onnx/evaluate/ReadInitializer.h"
#include "passes/raise/Nodes.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace fathom::raise {

using onnx::Array;
using onnx::Evaluator;

Evaluator::ReadInitializer readFrom(StringRef folder) {
  return [folder = folder.str()](onnx::InitializerOp op) -> llvm::Expected<Array> {
    auto files = op->getParentOfType<ModuleOp>()->getAttrOfType<ArrayAttr>(deepseek::kShardsAttr);
    if (!files || op.getFile() >= files.size()) {
      return llvm::createStringError("the file of '" + op.getSymName() + "' is not known");
    }
    SmallString<256> path(folder);
    llvm::sys::path::append(path, cast<deepseek::ShardAttr>(files[op.getFile()]).getFile());
    return onnx::readInitializer(op, path);
  };
}

StringRef getExtentName(Value value, int64_t dim) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto names = type ? dyn_cast_if_present<onnx::ShapeAttr>(type.getEncoding()) : onnx::ShapeAttr();
  if (!names || dim >= type.getRank() || !type.isDynamicDim(dim)) {
    return "";
  }
  int64_t number = llvm::count_if(type.getShape().take_front(dim), ShapedType::isDynamic);
  return names.getExtents()[number].getValue();
}

bool isSymbol(StringRef extent) {
  return !extent.empty() && !llvm::isDigit(extent[0]) && !extent.contains(' ') && !extent.contains('*');
}

/// What is kept of tokens before: numbers of which there is one tensor for keys, or for latents.
static bool isPast(BlockArgument input) {
  auto type = dyn_cast<RankedTensorType>(input.getType());
  return type && isa<FloatType>(type.getElementType()) && type.getRank() >= 3;
}

bool Prober::hasPast() { return llvm::any_of(main.getArguments(), isPast); }

/// Calls `visit` for each dynamic dimension of an input.
static void visitExtents(func::FuncOp main, llvm::function_ref<void(BlockArgument, int64_t, StringRef)> visit) {
  for (BlockArgument input : main.getArguments()) {
    for (int64_t dim = 0; dim < getRank(input); ++dim) {
      StringRef name = getExtentName(input, dim);
      name.empty() ? void() : visit(input, dim, name);
    }
  }
}

/// The first dimension of an input is that of the batch. Others are the tokens of the call, those before it or,
/// of integers that say something of each, all of them, which may be a sum that has names of its own.
void Prober::bindExtents(Evaluator &evaluator, Step step) {
  auto sizeOf = [&](BlockArgument input, int64_t dim) {
    return dim == 0 ? 1 : isPast(input) ? step.past : step.past + step.count;
  };
  evaluator.bindExtent(sequence, step.count);
  visitExtents(main, [&](BlockArgument input, int64_t dim, StringRef name) {
    if (isSymbol(name) && name != sequence) {
      evaluator.bindExtent(name, sizeOf(input, dim));
    }
  });
  visitExtents(main, [&](BlockArgument input, int64_t dim, StringRef name) {
    llvm::Expected<int64_t> known = evaluator.evaluateExtent(name);
    if (!known) {
      llvm::consumeError(known.takeError());
      evaluator.bindExtent(name, sizeOf(input, dim));
    }
  });
}

std::optional<SmallVector<int64_t>> getExtents(Evaluator &evaluator, Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape;
  for (int64_t dim = 0; type && dim < type.getRank(); ++dim) {
    llvm::Expected<int64_t> size = type.isDynamicDim(dim) ? evaluator.evaluateExtent(getExtentName(value, dim))
                                                          : llvm::Expected<int64_t>(type.getDimSize(dim));
    if (!size || *size < 0) {
      llvm::consumeError(size.takeError());
      return std::nullopt;
    }
    shape.push_back(*size);
  }
  bool isArray = type && onnx::isHeld(type.getElementType()) && onnx::countElements(shape);
  return isArray ? std::optional(shape) : std::nullopt;
}

bool Prober::bindInput(Evaluator &evaluator, BlockArgument input, Step step, InputRole role) {
  std::optional<SmallVector<int64_t>> shape = getExtents(evaluator, input);
  if (!shape) {
    return false;
  }
  auto type = cast<RankedTensorType>(input.getType());
  Array array(type.getElementType(), *shape);
  bool isPositions = role == InputRole::Positions && !shape->empty() && shape->back() == step.count &&
                     (step.past > 0 || getExtentName(input, type.getRank() - 1) == sequence);
  for (size_t i = 0; i < array.integers.size(); ++i) {
    array.integers[i] = isPositions ? step.past + int64_t(i) % step.count : 1;
  }
  evaluator.bind(input, std::move(array));
  return true;
}

std::optional<Array> Prober::evaluate(Value value, Step step, InputRole role, Given given) {
  Evaluator evaluator(read);
  bindExtents(evaluator, step);
  for (BlockArgument input : main.getArguments()) {
    if (!bindInput(evaluator, input, step, role)) {
      return std::nullopt;
    }
  }
  for (const auto &[known, array] : given) {
    evaluator.bind(known, array);
  }
  llvm::Expected<const Array *> array = evaluator.evaluate(value);
  if (!array) {
    llvm::consumeError(array.takeError());
    return std::nullopt;
  }
  return **array;
}

} // namespace fathom::raise
