// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Graphs while they are evaluated for what their inputs may be.

#include "passes/raise/Probe.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/onnx/evaluate/ReadInitializer.h"

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

/// Whether a polynomial is the name of one symbol.
static bool isName(StringRef extent) {
  return !extent.empty() && !llvm::isDigit(extent[0]) && !extent.contains(' ') && !extent.contains('*');
}

/// What is kept of tokens before: numbers of which there is one tensor for keys, or for latents.
static bool isPast(BlockArgument input) {
  auto type = dyn_cast<RankedTensorType>(input.getType());
  return type && isa<FloatType>(type.getElementType()) && type.getRank() >= 3;
}

bool Prober::hasPast() { return llvm::any_of(main.getArguments(), isPast); }

/// The first dimension of an input is that of the batch. Others are the tokens of the call, those before it or,
/// of integers that say something of each, all of them.
void Prober::bindExtents(Evaluator &evaluator, Step step) {
  for (BlockArgument input : main.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(input.getType());
    for (int64_t dim = 0; type && dim < type.getRank(); ++dim) {
      StringRef name = getExtentName(input, dim);
      if (isName(name) && name != sequence) {
        evaluator.bindExtent(name, dim == 0 ? 1 : isPast(input) ? step.past : step.past + step.count);
      }
    }
  }
  evaluator.bindExtent(sequence, step.count);
}

/// Integers that say something of each token may be of a sum that has names of its own.
static std::optional<int64_t> getSize(Evaluator &evaluator, BlockArgument input, int64_t dim, Step step) {
  auto type = cast<RankedTensorType>(input.getType());
  if (!type.isDynamicDim(dim)) {
    return type.getDimSize(dim);
  }
  llvm::Expected<int64_t> size = evaluator.evaluateExtent(getExtentName(input, dim));
  if (size) {
    return *size < 0 ? std::nullopt : std::optional(*size);
  }
  llvm::consumeError(size.takeError());
  return dim == 0 || isPast(input) ? std::nullopt : std::optional(step.past + step.count);
}

bool Prober::bindInput(Evaluator &evaluator, BlockArgument input, Step step, InputRole role) {
  auto type = dyn_cast<RankedTensorType>(input.getType());
  if (!type) {
    return false;
  }
  SmallVector<int64_t> shape;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    std::optional<int64_t> size = getSize(evaluator, input, dim, step);
    if (!size) {
      return false;
    }
    shape.push_back(*size);
  }
  if (!onnx::isHeld(type.getElementType()) || !onnx::countElements(shape)) {
    return false;
  }
  Array array(type.getElementType(), shape);
  bool isPositions = role == InputRole::Positions && !shape.empty() && shape.back() == step.count &&
                     (step.past > 0 || getExtentName(input, type.getRank() - 1) == sequence);
  for (size_t i = 0; i < array.integers.size(); ++i) {
    array.integers[i] = isPositions ? step.past + int64_t(i) % step.count : 1;
  }
  evaluator.bind(input, std::move(array));
  return true;
}

std::optional<Array> Prober::evaluate(Value value, Step step, InputRole role) {
  Evaluator evaluator(read);
  bindExtents(evaluator, step);
  for (BlockArgument input : main.getArguments()) {
    if (!bindInput(evaluator, input, step, role)) {
      return std::nullopt;
    }
  }
  llvm::Expected<const Array *> array = evaluator.evaluate(value);
  if (!array) {
    llvm::consumeError(array.takeError());
    return std::nullopt;
  }
  return **array;
}

} // namespace fathom::raise
