// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An op of a plan is a command; what it touches is said by places, which a runtime turns into addresses.

#include "codegen/commands/LowerCommands.h"

#include "dialects/RowFormat.h"
#include "dialects/deepseek/DeepSeek.h"
#include "dialects/plan/CountedRows.h"
#include "dialects/plan/Plan.h"
#include "kernels/Catalog.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fathom::codegen {

using artifact::Access;
using artifact::Operand;

static int64_t getConstant(Value value) {
  APInt constant;
  matchPattern(value, m_ConstantInt(&constant));
  return constant.getSExtValue();
}

/// Functions of entry points and layers have a form.
static auto listPlannedFunctions(ModuleOp module) {
  return llvm::make_filter_range(module.getOps<func::FuncOp>(),
                                 [](func::FuncOp function) { return function->hasAttr(deepseek::kFormAttr); });
}

static Operand locateArgument(BlockArgument argument, Access access) {
  bool isInput = argument.getArgNumber() == plan::kInputParameter;
  artifact::Place place = isInput ? artifact::Place::input : artifact::Place::output;
  return {0, 0, 0, place, access};
}

/// An array of the call: the schema has its name.
static Operand locateArray(plan::ArgumentOp op, Access access) {
  const auto *name = llvm::find_if(artifact::EnumValuesPlace(),
                                   [&](artifact::Place place) { return EnumNamePlace(place) == op.getName(); });
  return {0, 0, 0, *name, access};
}

static Operand locateWeight(plan::WeightOp op, Access access) {
  bool experts = isa<plan::TableType>(op.getType());
  uint64_t first = op.getFirstSlice(), count = experts ? uint64_t(op.getSlicesPerLayer()) : 1;
  Value instance = op.getInstance();
  bool passed = isa_and_nonnull<BlockArgument>(instance);
  if (instance && !passed) {
    first += uint64_t(getConstant(instance)) * op.getSlicesPerLayer();
  }
  artifact::Place place = experts ? artifact::Place::experts : artifact::Place::weight;
  return {first, count, passed ? uint32_t(op.getSlicesPerLayer()) : 0, place, access};
}

/// Where a runtime finds `memory`.
static Operand locate(Value memory, Access access) {
  if (auto argument = dyn_cast<BlockArgument>(memory)) {
    return locateArgument(argument, access);
  }
  return llvm::TypeSwitch<Operation *, Operand>(memory.getDefiningOp())
      .Case([&](plan::BufferOp op) {
        return Operand(*op.getOffset(), op.getBytes(), 0, artifact::Place::buffer, access);
      })
      .Case([&](plan::ArgumentOp op) { return locateArray(op, access); })
      .Case([&](plan::WeightOp op) { return locateWeight(op, access); });
}

namespace {
class CommandLowering {
public:
  explicit CommandLowering(ModuleOp module) : module(module) {}

  CommandTables run() {
    listKernels();
    for (func::FuncOp function : listPlannedFunctions(module)) {
      functions.try_emplace(function.getName(), functions.size());
    }
    for (func::FuncOp function : listPlannedFunctions(module)) {
      tables.functions.push_back(lowerFunction(function));
    }
    return std::move(tables);
  }

private:
  void listKernels();
  artifact::FunctionT lowerFunction(func::FuncOp function);
  artifact::CommandT lower(plan::DispatchOp op);
  artifact::CommandT lower(func::CallOp op);
  static artifact::CommandT lower(plan::RecordStateOp op);
  void addStores(ArrayAttr names, Access access, std::vector<Operand> &operands);

  ModuleOp module;
  CommandTables tables;
  llvm::StringMap<uint32_t> kernels;
  llvm::StringMap<uint32_t> functions;
};
} // namespace

/// What a kernel of the catalog, or the op that a generated function is made of, computes. Ops of other dialects than
/// the model's have results, which are written.
static std::string nameOp(Operation *kernel) {
  if (auto known = dyn_cast<plan::KernelOp>(kernel)) {
    return std::string(kernels::findKernel(known.getKernel())->op);
  }
  Operation *named = nullptr;
  kernel->walk([&](Operation *op) {
    auto write = dyn_cast<bufferization::MaterializeInDestinationOp>(op);
    Operation *written = write ? write.getSource().getDefiningOp() : nullptr;
    named = isa<deepseek::ComputeOp>(op) ? op : written ? written : named;
  });
  return named ? named->getName().stripDialect().str() : "";
}

void CommandLowering::listKernels() {
  llvm::MapVector<Attribute, SmallVector<plan::DispatchOp>> dispatches;
  module.walk([&](plan::DispatchOp op) { dispatches[op.getKernelAttr()].push_back(op); });
  SymbolTable symbols(module);
  for (auto &[name, uses] : dispatches) {
    plan::DispatchOp use = uses.front();
    Operation *kernel = symbols.lookup(use.getKernel());
    artifact::KernelT &table = tables.kernels.emplace_back();
    table.name = use.getKernel().str();
    table.op = nameOp(kernel);
    table.generated = !isa<plan::KernelOp>(kernel);
    table.inputs = use.getInputs().size();
    table.outputs = use.getOutputs().size();
    table.extras = use.getExtras().size();
    table.store_reads = use.getReads().size();
    table.store_writes = use.getWrites().size();
    table.dispatches = uses.size();
    kernels.try_emplace(table.name, kernels.size());
  }
}

artifact::FunctionT CommandLowering::lowerFunction(func::FuncOp function) {
  artifact::FunctionT table;
  table.name = function.getName().str();
  for (Operation &op : function.front()) {
    llvm::TypeSwitch<Operation *>(&op).Case<plan::DispatchOp, func::CallOp, plan::RecordStateOp>(
        [&](auto command) { table.commands.push_back(std::make_unique<artifact::CommandT>(lower(command))); });
  }
  return table;
}

/// Kernels reach stores through the cache: these operands are for the order of commands alone.
void CommandLowering::addStores(ArrayAttr names, Access access, std::vector<Operand> &operands) {
  auto stores = module->getAttrOfType<ArrayAttr>(plan::kStoresAttr).getAsRange<plan::StoreAttr>();
  for (auto name : names.getAsRange<StringAttr>()) {
    auto isNamed = [&](plan::StoreAttr store) { return store.getName() == name; };
    uint64_t number = std::distance(stores.begin(), llvm::find_if(stores, isNamed));
    operands.emplace_back(number, 0, 0, artifact::Place::store, access);
  }
}

artifact::CommandT CommandLowering::lower(plan::DispatchOp op) {
  artifact::CommandT command;
  command.action = artifact::Action::launch;
  command.target = kernels.lookup(op.getKernel());
  plan::CountedRows rows = *plan::getCountedRows(op.getRows());
  command.rows = rows.which == plan::Rows::rows ? artifact::Rows::rows : artifact::Rows::logit_rows;
  command.factor = rows.factor;
  if (!isa<BlockArgument>(op.getLayer())) {
    command.layer = getConstant(op.getLayer());
  }
  auto add = [&](ValueRange memory, Access access) {
    llvm::append_range(command.operands, llvm::map_range(memory, [&](Value one) { return locate(one, access); }));
  };
  add(op.getInputs(), Access::read);
  add(op.getOutputs(), Access::write);
  add(op.getExtras(), Access::read);
  addStores(op.getReads(), Access::read, command.operands);
  addStores(op.getWrites(), Access::write, command.operands);
  return command;
}

/// What numbers of an activation are.
static artifact::StoreElement getElement(Value memory) {
  return artifact::StoreElement(*getRowElement(getElementTypeOrSelf(memory)));
}

artifact::CommandT CommandLowering::lower(func::CallOp op) {
  artifact::CommandT command;
  command.action = artifact::Action::call;
  command.target = functions.lookup(op.getCallee());
  command.layer = getConstant(op.getOperand(plan::kLayerParameter));
  command.instance = getConstant(op.getOperand(plan::kInstanceParameter));
  command.element = getElement(op.getOperand(plan::kInputParameter));
  command.operands = {locate(op.getOperand(plan::kInputParameter), Access::read),
                      locate(op.getOperand(plan::kOutputParameter), Access::write)};
  return command;
}

artifact::CommandT CommandLowering::lower(plan::RecordStateOp op) {
  artifact::CommandT command;
  command.action = artifact::Action::record_state;
  command.layer = op.getLayer();
  command.element = getElement(op.getInput());
  command.operands = {locate(op.getInput(), Access::read)};
  return command;
}

CommandTables lowerCommands(ModuleOp planned) { return CommandLowering(planned).run(); }

} // namespace fathom::codegen
