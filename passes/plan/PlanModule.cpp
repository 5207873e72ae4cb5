// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels, weights and generated functions of a module.

#include "passes/plan/PlanModule.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

PlanModule::PlanModule(ModuleOp module)
    : module(module), builder(module.getContext()), symbols(module),
      layers(cast<IntegerAttr>(module->getAttrOfType<DictionaryAttr>(kModelAttr).get("layers")).getInt()) {
  for (auto function : module.getOps<func::FuncOp>()) {
    findLayers(function);
  }
}

/// Writes a region of scalar ops such that equal epilogues give equal text.
static void describeEpilogue(Region &epilogue, raw_ostream &stream) {
  DenseMap<Value, unsigned> numbers;
  for (BlockArgument argument : epilogue.getArguments()) {
    numbers.try_emplace(argument, numbers.size());
  }
  for (Operation &op : epilogue.getOps()) {
    stream << op.getName() << op.getAttrDictionary();
    for (Value operand : op.getOperands()) {
      stream << ' ' << numbers.lookup(operand);
    }
    for (Value result : op.getResults()) {
      numbers.try_emplace(result, numbers.size());
    }
  }
}

void PlanModule::findLayers(func::FuncOp function) {
  function.walk([&](GetWeightOp op) {
    Operation *weight = symbols.lookup(op.getWeight());
    if (auto layers = weight ? weight->getAttrOfType<DenseI64ArrayAttr>("layers") : DenseI64ArrayAttr()) {
      layersOf[function.getName()] = SmallVector<int64_t>(layers.asArrayRef());
    }
  });
}

StringRef PlanModule::getKernel(const kernels::Kernel &kernel, ArrayRef<int64_t> constants, Region &epilogue,
                                TypeRange extras, int64_t mostRows) {
  scratchBytes = std::max(scratchBytes, kernel.scratchBytes(mostRows, constants.data()));
  std::string key(kernel.symbol);
  llvm::raw_string_ostream stream(key);
  llvm::interleave(constants, stream, [&](int64_t value) { stream << ',' << value; }, "");
  describeEpilogue(epilogue, stream);
  llvm::interleaveComma(extras, stream);
  std::string &name = kernelNames[key];
  if (!name.empty()) {
    return name;
  }
  name = "k" + std::to_string(kernelNames.size() - 1) + "." + std::string(kernel.symbol);
  builder.setInsertionPointToEnd(module.getBody());
  auto op = plan::KernelOp::create(builder, module.getLoc(), name, kernel.symbol, kernel.operandCount, constants);
  if (!epilogue.empty()) {
    IRMapping mapping;
    epilogue.cloneInto(&op.getEpilogue(), mapping);
    Operation *yield = op.getEpilogue().front().getTerminator();
    builder.setInsertionPoint(yield);
    plan::YieldOp::create(builder, yield->getLoc(), yield->getOperand(0));
    yield->erase();
  }
  return name;
}

func::FuncOp PlanModule::createGenerated(Operation *op, ArrayRef<Type> inputs, ArrayRef<Type> results) {
  Location loc = op->getLoc();
  builder.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> types(inputs);
  llvm::append_range(types, results);
  auto function = func::FuncOp::create(builder, loc, "generated_" + std::to_string(generated++),
                                       builder.getFunctionType(types, {}));
  function.setPrivate();
  builder.setInsertionPointToStart(function.addEntryBlock());
  IRMapping mapping;
  unsigned next = 1;
  for (Value operand : op->getOperands()) {
    if (mapping.contains(operand) || isa<CacheType>(operand.getType())) {
      next += !isa<CacheType>(operand.getType());
      if (!mapping.contains(operand)) {
        mapping.map(
            operand,
            UnrealizedConversionCastOp::create(builder, loc, operand.getType(), function.getArgument(0)).getResult(0));
      }
      continue;
    }
    Value argument = function.getArgument(next++);
    if (isa<plan::TableType>(argument.getType())) {
      argument = UnrealizedConversionCastOp::create(builder, loc, operand.getType(), argument).getResult(0);
    } else if (isa<MemRefType>(argument.getType())) {
      argument = bufferization::ToTensorOp::create(builder, loc, operand.getType(), argument, /*restrict=*/true);
    }
    mapping.map(operand, argument);
  }
  Operation *clone = builder.clone(*op, mapping);
  clone->removeAttr(kKernelAttr);
  for (Value result : clone->getResults()) {
    if (isa<RankedTensorType>(result.getType())) {
      auto write =
          bufferization::MaterializeInDestinationOp::create(builder, loc, result, function.getArgument(next++));
      write.setRestrict(true);
      write.setWritable(true);
    }
  }
  func::ReturnOp::create(builder, loc);
  return function;
}

int64_t PlanModule::getFirstSlice(Operation *weight) {
  if (auto first = weight->getAttrOfType<IntegerAttr>(plan::kFirstSliceAttr)) {
    return first.getInt();
  }
  int64_t first = slices;
  slices += TypeSwitch<Operation *, int64_t>(weight).Case<WeightOp, RecipeOp>(
      [](auto op) { return op.getSlicesPerLayer() * op.getLayerCount(); });
  weight->setAttr(plan::kFirstSliceAttr, builder.getI64IntegerAttr(first));
  return first;
}

void PlanModule::setScratchBytes() {
  module->setAttr(plan::kScratchBytesAttr, builder.getI64IntegerAttr(scratchBytes));
}

} // namespace fathom
