// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels, specialized, and what they are given.

#include "passes/plan/Dispatches.h"

#include "passes/plan/Stores.h"

#include "kernels/ops.def"

#include "llvm/Support/ErrorHandling.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

static_assert(getMaxEnumValForScoring() == FATHOM_SCORING_SIGMOID &&
                  getMaxEnumValForGroupRule() == FATHOM_GROUP_RULE_TOP2_SUM,
              "kernels have a value for every rule of a gate");
static_assert(int(Scoring::softmax) == FATHOM_SCORING_SOFTMAX && int(Scoring::sigmoid) == FATHOM_SCORING_SIGMOID &&
                  int(GroupRule::none) == FATHOM_GROUP_RULE_NONE && int(GroupRule::max) == FATHOM_GROUP_RULE_MAX &&
                  int(GroupRule::top2_sum) == FATHOM_GROUP_RULE_TOP2_SUM,
              "kernels take the numbers of attributes");

static SmallVector<int64_t> getConstants(const kernels::Kernel &kernel, const KernelDescription &description) {
  SmallVector<int64_t> values;
  for (const kernels::Constant &constant : ArrayRef(kernel.constants).drop_back(kernel.isTuned)) {
    auto found = description.constants.find(constant.name);
    if (found == description.constants.end()) {
      llvm::report_fatal_error("ops.def names a constant that no op gives: " + StringRef(constant.name));
    }
    values.push_back(found->second);
  }
  if (kernel.isTuned) {
    values.push_back(kernel.tune(values.data()));
  }
  return values;
}

/// Kernels and their epilogues read whole rows, but for the operand that they take as columns.
static bool canRead(const KernelDescription &kernel, OperandRange extras) {
  auto isReadable = [&](Value value) {
    return value == kernel.columns || !value.getDefiningOp<tensor::ExtractSliceOp>();
  };
  return llvm::all_of(kernel.inputs, isReadable) && llvm::all_of(extras, isReadable);
}

static void addColumns(KernelDescription &kernel, const Place &place) {
  int64_t stride = cast<MemRefType>(place.memory.getType()).getShape().back();
  kernel.addConstant((kernel.columnsPrefix + "_stride").str(), stride);
  kernel.addConstant((kernel.columnsPrefix + "_offset").str(), place.offset);
}

static void addStores(KernelDescription &kernel, Operation *op) {
  for (auto [constant, name] : kernel.stores) {
    plan::StoreAttr store = plan::findStore(op, name);
    kernel.addConstant(constant, store.getOffset());
    kernel.addConstant(getElementConstant(constant), store.getRowElement());
  }
}

bool Dispatches::dispatch(OpBuilder &builder, ComputeOp op, const kernels::Kernel &kernel, const Signature &signature,
                          const Buffers &buffers) {
  KernelDescription description;
  op.describe(description);
  std::optional<EpilogueSlot> epilogue = op.getEpilogueSlot();
  OperandRange extras = epilogue ? OperandRange(epilogue->extras) : op->getOperands().take_front(0);
  if (!canRead(description, extras)) {
    return false;
  }
  if (description.columns) {
    addColumns(description, buffers.get(description.columns));
  }
  addStores(description, op);

  auto getMemory = [&](ValueRange values) {
    SmallVector<Value> memory;
    for (Value value : values) {
      if (!isa<CacheType>(value.getType())) {
        memory.push_back(buffers.get(value).memory);
      }
    }
    return memory;
  };

  // Not all that a call computes has its rows: a head has those that want logits, experts have a row for each choice.
  Location loc = op->getLoc();
  Value counted = op.getRowsOperand();
  RowCount count = counted ? buffers.get(counted).count : signature.rows;
  SmallVector<int64_t> constants = getConstants(kernel, description);
  scratchBytes = std::max(scratchBytes, kernel.scratchBytes(count.most, constants.data()));
  StringRef symbol = getKernel(kernel, constants, epilogue ? epilogue->region : nullptr, extras.getTypes());
  UsedStores stores = findUsedStores(op);
  plan::DispatchOp::create(builder, loc, signature.call, symbol, count.rows, signature.getAnyLayer(builder, loc),
                           getMemory(description.inputs), getMemory(op->getResults()), getMemory(extras), stores.reads,
                           stores.writes);
  return true;
}

/// Writes a region of scalar ops such that equal epilogues give equal text.
static void printEpilogue(Region &epilogue, raw_ostream &stream) {
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

static void copyEpilogue(Region &from, Region &to) {
  IRMapping mapping;
  from.cloneInto(&to, mapping);
  Operation *yield = to.front().getTerminator();
  OpBuilder builder(yield);
  plan::YieldOp::create(builder, yield->getLoc(), yield->getOperand(0));
  yield->erase();
}

StringRef Dispatches::getKernel(const kernels::Kernel &kernel, ArrayRef<int64_t> constants, Region *epilogue,
                                TypeRange extras) {
  std::string key(kernel.symbol);
  llvm::raw_string_ostream stream(key);
  llvm::interleave(constants, stream, [&](int64_t value) { stream << ',' << value; }, "");
  if (epilogue) {
    printEpilogue(*epilogue, stream);
    llvm::interleaveComma(extras, stream);
  }
  std::string &name = names[key];
  if (!name.empty()) {
    return name;
  }
  name = "k" + std::to_string(names.size() - 1) + "." + std::string(kernel.symbol);
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto op =
      plan::KernelOp::create(builder, module.getLoc(), name, kernel.symbol, kernel.operandNames.size(), constants);
  if (epilogue && !epilogue->empty()) {
    copyEpilogue(*epilogue, op.getEpilogue());
  }
  return name;
}

void Dispatches::setScratchBytes() {
  module->setAttr(plan::kScratchBytesAttr, OpBuilder(module).getI64IntegerAttr(scratchBytes));
}

} // namespace fathom
