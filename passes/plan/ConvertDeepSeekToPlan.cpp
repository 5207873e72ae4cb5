// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From tensors to buffers and dispatches, function by function.

#include "passes/plan/KernelConstants.h"
#include "passes/plan/PlanInput.h"
#include "passes/plan/PlanModule.h"
#include "passes/support/Kernels.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_CONVERTDEEPSEEKTOPLAN
#include "passes/plan/Passes.h.inc"

namespace {

using namespace deepseek;

/// How many rows an activation has: a value of this call, and the most there can be. Null rows: a static shape.
struct RowCount {
  Value rows;
  int64_t most = 1;
};

/// Where an activation is: columns [offset, offset + width) of a buffer, or a weight.
struct Place {
  Value memory;
  RowCount count;
  int64_t offset = 0;
};

/// Converts one function.
class FunctionConverter {
public:
  FunctionConverter(PlanModule &module, func::FuncOp function)
      : module(module), function(function), builder(function),
        entry(cast<StringAttr>(function->getAttr(kEntryAttr)).getValue()) {}

  void run();

private:
  void startEntry();
  void startLayer();
  void convert(Operation &op);
  void convertWeight(GetWeightOp op);
  void convertSlice(tensor::ExtractSliceOp op);
  void convertCall(func::CallOp op);
  void convertCompute(Operation *op);
  void dispatch(ComputeOp op, const kernels::Kernel &kernel, KernelDescription &description);
  void callGenerated(Operation *op);
  void setResults(Operation *op);
  RowCount countRows(OpResult result);
  Value createBuffer(Type type, const RowCount &count);
  Value getMemory(Value value);
  Value getLayer();

  PlanModule &module;
  func::FuncOp function;
  OpBuilder builder;
  StringRef entry;
  func::FuncOp converted;
  Value call;
  Value layer;
  Value instance;
  RowCount rows;
  DenseMap<Value, Place> places;
  IRMapping indices;
};

MemRefType getMemRefType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

/// Caches are the call's: only tensors are given memory.
bool hasMemory(Value value) { return isa<RankedTensorType>(value.getType()); }

void FunctionConverter::run() {
  bool isEntry = function->hasAttr(kMaxRowsAttr);
  if (isEntry) {
    startEntry();
  } else {
    startLayer();
  }
  for (Operation &op : function.front()) {
    convert(op);
  }
  function.erase();
}

/// func @prefill(%call: !plan.call) -> i32
void FunctionConverter::startEntry() {
  Location loc = function.getLoc();
  int64_t most = cast<IntegerAttr>(function->getAttr(kMaxRowsAttr)).getInt();
  auto type = builder.getFunctionType(plan::CallType::get(builder.getContext()), builder.getI32Type());
  converted = func::FuncOp::create(builder, loc, function.getName(), type);
  converted->setAttr(plan::kEntryAttr, builder.getStringAttr(entry));
  converted->setAttr(plan::kMaxRowsAttr, builder.getI64IntegerAttr(most));
  builder.setInsertionPointToStart(converted.addEntryBlock());
  call = converted.getArgument(0);
  rows = {plan::RowsOp::create(builder, loc, builder.getIndexType(), call, plan::Rows::rows), most};
  RowCount logitRows = {plan::RowsOp::create(builder, loc, builder.getIndexType(), call, plan::Rows::logit_rows), most};
  auto argument = [&](Value value, plan::Argument which, RowCount count) {
    places[value] = {plan::ArgumentOp::create(builder, loc, getMemRefType(value.getType()), call, which), count};
  };
  argument(function.getArgument(0), plan::Argument::tokens, rows);
  argument(function.getArgument(1), plan::Argument::positions, rows);
  argument(function.getArgument(2), plan::Argument::logit_row_ids, logitRows);
  Value logits = function.front().getTerminator()->getOperand(0);
  argument(logits, plan::Argument::logits, logitRows);
}

/// func @prefill.moe(%call, %input, %output, %layer, %instance)
void FunctionConverter::startLayer() {
  Location loc = function.getLoc();
  auto stream = getMemRefType(function.getArgument(0).getType());
  Type index = builder.getIndexType();
  auto type = builder.getFunctionType({plan::CallType::get(builder.getContext()), stream, stream, index, index}, {});
  converted = func::FuncOp::create(builder, loc, function.getName(), type);
  converted.setPrivate();
  converted->setAttr(kEntryAttr, builder.getStringAttr(entry));
  builder.setInsertionPointToStart(converted.addEntryBlock());
  call = converted.getArgument(0);
  layer = converted.getArgument(3);
  instance = converted.getArgument(4);
  auto caller = function->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(entry);
  int64_t most = 1;
  for (StringRef attr : {StringRef(kMaxRowsAttr), StringRef(plan::kMaxRowsAttr)}) {
    if (auto value = caller->getAttrOfType<IntegerAttr>(attr)) {
      most = value.getInt();
    }
  }
  rows = {plan::RowsOp::create(builder, loc, index, call, plan::Rows::rows), most};
  places[function.getArgument(0)] = {converted.getArgument(1), rows};
  places[function.getArgument(1)] = {plan::ArgumentOp::create(builder, loc,
                                                              getMemRefType(function.getArgument(1).getType()), call,
                                                              plan::Argument::positions),
                                     rows};
  indices.map(function.getArgument(3), layer);
  places[function.front().getTerminator()->getOperand(0)] = {converted.getArgument(2), rows};
}

void FunctionConverter::convert(Operation &op) {
  TypeSwitch<Operation *>(&op)
      .Case([&](GetWeightOp weight) { convertWeight(weight); })
      .Case([&](tensor::ExtractSliceOp slice) { convertSlice(slice); })
      .Case([&](tensor::DimOp dim) { indices.map(dim.getResult(), places[dim.getSource()].count.rows); })
      .Case([&](arith::ConstantOp constant) { builder.clone(*constant, indices); })
      .Case([&](func::CallOp callOp) { convertCall(callOp); })
      .Case([&](RecordStateOp state) {
        plan::RecordStateOp::create(builder, state.getLoc(), call, getMemory(state.getInput()), state.getLayerAttr());
      })
      .Case([&](func::ReturnOp op) {
        SmallVector<Value> results;
        if (converted->hasAttr(plan::kEntryAttr)) {
          results.push_back(arith::ConstantOp::create(builder, op.getLoc(), builder.getI32IntegerAttr(0)));
        }
        func::ReturnOp::create(builder, op.getLoc(), results);
      })
      .Default([&](Operation *compute) { convertCompute(compute); });
}

void FunctionConverter::convertWeight(GetWeightOp op) {
  Operation *symbol = module.lookup(op.getWeight());
  auto type = op.getType();
  bool experts = symbol->hasAttr("experts");
  Type memory = getMemRefType(type);
  int64_t slices = 1;
  if (experts) {
    slices = type.getDimSize(0);
    memory = plan::TableType::get(builder.getContext(),
                                  MemRefType::get(type.getShape().drop_front(), type.getElementType()));
  }
  Value weight = plan::WeightOp::create(builder, op.getLoc(), memory, call, op.getWeight(),
                                        module.getFirstSlice(symbol), slices, op.getLayer() ? instance : Value());
  places[op.getResult()] = {weight, {}};
}

void FunctionConverter::convertSlice(tensor::ExtractSliceOp op) {
  Place place = places[op.getSource()];
  place.offset += op.getStaticOffset(1);
  places[op.getResult()] = place;
}

void FunctionConverter::convertCall(func::CallOp op) {
  Location loc = op.getLoc();
  setResults(op);
  APInt layerIndex;
  matchPattern(op.getOperand(3), m_ConstantInt(&layerIndex));
  ArrayRef<int64_t> layers = module.getLayersOf(op.getCallee());
  int64_t number = llvm::find(layers, layerIndex.getSExtValue()) - layers.begin();
  Value place = arith::ConstantIndexOp::create(builder, loc, number);
  func::CallOp::create(builder, loc, op.getCallee(), TypeRange(),
                       ValueRange{call, getMemory(op.getOperand(0)), getMemory(op.getResult(0)),
                                  indices.lookup(op.getOperand(3)), place});
}

/// Kernels and their epilogues read whole rows, but for the operand that they take as columns.
bool canRead(ComputeOp op, const KernelDescription &description) {
  auto isReadable = [&](Value value) {
    return value == description.columns || !value.getDefiningOp<tensor::ExtractSliceOp>();
  };
  std::optional<EpilogueSlot> epilogue = op.getEpilogueSlot();
  return llvm::all_of(description.inputs, isReadable) &&
         (!epilogue || llvm::all_of(OperandRange(epilogue->extras), isReadable));
}

void FunctionConverter::convertCompute(Operation *op) {
  setResults(op);
  const kernels::Kernel *kernel = getKernel(op);
  if (!kernel) {
    return callGenerated(op);
  }
  KernelDescription description;
  auto compute = cast<ComputeOp>(op);
  compute.describe(description);
  if (canRead(compute, description)) {
    dispatch(compute, *kernel, description);
  } else {
    callGenerated(op);
  }
}

void FunctionConverter::dispatch(ComputeOp op, const kernels::Kernel &kernel, KernelDescription &description) {
  SmallVector<Value> memory;
  auto append = [&](Value value) { memory.push_back(places[value].memory); };
  llvm::for_each(description.inputs, append);
  llvm::for_each(llvm::make_filter_range(op->getResults(), hasMemory), append);
  std::optional<EpilogueSlot> epilogue = op.getEpilogueSlot();
  ValueRange extras = epilogue ? ValueRange(OperandRange(epilogue->extras)) : ValueRange();
  llvm::for_each(extras, append);
  if (description.columns) {
    const Place &place = places[description.columns];
    int64_t stride = cast<MemRefType>(place.memory.getType()).getShape().back();
    description.addConstant((description.columnsPrefix + "_stride").str(), stride);
    description.addConstant((description.columnsPrefix + "_offset").str(), place.offset);
  }
  description.addConstant("layers", module.getLayers());
  Value counted = op.getRowsOperand();
  RowCount count = counted ? places[counted].count : rows;
  Region none;
  StringRef symbol = module.getKernel(kernel, getConstants(kernel, description), epilogue ? *epilogue->region : none,
                                      extras.getTypes(), count.most);
  plan::DispatchOp::create(builder, op->getLoc(), call, symbol, count.rows, getLayer(), memory);
}

void FunctionConverter::callGenerated(Operation *op) {
  SmallVector<Value> inputs = {call};
  for (Value operand : op->getOperands()) {
    if (isa<CacheType>(operand.getType())) {
      continue;
    }
    inputs.push_back(isa<IndexType>(operand.getType()) ? indices.lookup(operand) : getMemory(operand));
  }
  SmallVector<Value> results;
  for (Value result : op->getResults()) {
    if (hasMemory(result)) {
      results.push_back(places[result].memory);
    }
  }
  func::FuncOp generated = module.createGenerated(op, llvm::to_vector(ValueRange(inputs).getTypes()),
                                                  llvm::to_vector(ValueRange(results).getTypes()));
  llvm::append_range(inputs, results);
  func::CallOp::create(builder, op->getLoc(), generated, inputs);
}

/// Gives every tensor result of `op` memory, unless the function's caller did.
void FunctionConverter::setResults(Operation *op) {
  for (OpResult result : op->getResults()) {
    if (hasMemory(result) && !places.count(result)) {
      RowCount count = countRows(result);
      places[result] = {createBuffer(result.getType(), count), count};
    }
  }
}

RowCount FunctionConverter::countRows(OpResult result) {
  RowRule rule = getResultRows(result);
  if (!rule.operand) {
    return {};
  }
  RowCount count = places[rule.operand].count;
  if (rule.factor == 1) {
    return count;
  }
  Value factor = arith::ConstantIndexOp::create(builder, result.getLoc(), rule.factor);
  return {arith::MulIOp::create(builder, result.getLoc(), count.rows, factor), count.most * rule.factor};
}

Value FunctionConverter::createBuffer(Type type, const RowCount &count) {
  MemRefType memory = getMemRefType(type);
  int64_t elements = 1;
  for (int64_t size : memory.getShape()) {
    elements *= ShapedType::isDynamic(size) ? count.most : size;
  }
  int64_t bytes = elements * memory.getElementTypeBitWidth() / 8;
  return plan::BufferOp::create(builder, function.getLoc(), memory, call, builder.getI64IntegerAttr(bytes),
                                IntegerAttr(), memory.hasStaticShape() ? Value() : count.rows);
}

/// The memory of a value; for a slice of columns a subview.
Value FunctionConverter::getMemory(Value value) {
  Place place = places[value];
  auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice) {
    return place.memory;
  }
  OpFoldResult one = builder.getIndexAttr(1);
  SmallVector<OpFoldResult> offsets = {builder.getIndexAttr(0), builder.getIndexAttr(place.offset)};
  SmallVector<OpFoldResult> sizes = {place.count.rows, builder.getIndexAttr(getWidth(slice.getType()))};
  return memref::SubViewOp::create(builder, slice.getLoc(), place.memory, offsets, sizes,
                                   SmallVector<OpFoldResult>{one, one});
}

Value FunctionConverter::getLayer() {
  return layer ? layer : arith::ConstantIndexOp::create(builder, function.getLoc(), 0);
}

/// Functions of a plan take a call, and those that belong to no entry point are not the model's.
bool isUnplanned(func::FuncOp function) {
  auto isCall = [](Type type) { return isa<plan::CallType>(type); };
  return function->hasAttr(kEntryAttr) && llvm::none_of(function.getArgumentTypes(), isCall);
}

struct ConvertDeepSeekToPlan : impl::ConvertDeepSeekToPlanBase<ConvertDeepSeekToPlan> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!module->hasAttr(kModelAttr)) {
      emitError(module.getLoc(), "expects the model's facts in attribute '") << kModelAttr << "'";
      return signalPassFailure();
    }
    auto functions = llvm::to_vector(llvm::make_filter_range(module.getOps<func::FuncOp>(), isUnplanned));
    if (functions.empty()) {
      return;
    }
    PlanModule plan(module);
    for (func::FuncOp function : functions) {
      if (failed(verifyPlanInput(plan, function))) {
        return signalPassFailure();
      }
    }
    for (func::FuncOp function : functions) {
      FunctionConverter(plan, function).run();
    }
    plan.setScratchBytes();
  }
};

} // namespace
} // namespace fathom
