// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From tensors to buffers and dispatches, function by function.

#include "passes/plan/KernelOperands.h"
#include "passes/plan/Passes.h"

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

/// What the functions of a module share.
class ModuleConverter {
public:
  explicit ModuleConverter(ModuleOp module)
      : module(module), builder(module.getContext()), symbols(module),
        layers(cast<IntegerAttr>(cast<DictionaryAttr>(module->getAttr(kModelAttr)).get("layers")).getInt()) {}

  void run();

  /// The kernel op for these constants and epilogue, made on first use.
  StringRef getKernel(const kernels::Kernel &kernel, ArrayRef<int64_t> constants, Region &epilogue, int64_t mostRows);
  /// A function around a copy of `op`, which has no kernel.
  func::FuncOp createGenerated(Operation *op, ArrayRef<Type> inputs, ArrayRef<Type> results);
  /// The first slice of a weight in the weight table.
  int64_t getFirstSlice(Operation *weight);
  Operation *lookup(StringRef weight) { return symbols.lookup(weight); }
  int64_t getLayers() const { return layers; }
  /// The layers that a function serves, in the order of its weights' slices.
  ArrayRef<int64_t> getLayersOf(StringRef function) { return layersOf[function]; }

private:
  void findLayers(func::FuncOp function);

  ModuleOp module;
  OpBuilder builder;
  SymbolTable symbols;
  int64_t layers;
  int64_t slices = 0;
  int64_t generated = 0;
  int64_t scratchBytes = 0;
  llvm::StringMap<std::string> kernelNames;
  llvm::StringMap<SmallVector<int64_t>> layersOf;
};

/// Converts one function.
class FunctionConverter {
public:
  FunctionConverter(ModuleConverter &module, func::FuncOp function)
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
  void dispatch(Operation *op, const kernels::Kernel &kernel);
  void callGenerated(Operation *op);
  void setResults(Operation *op);
  RowCount countResultRows(Operation *op, Value result);
  Value createBuffer(Type type, const RowCount &count);
  Value getMemory(Value value);
  Columns getColumns(Value value);
  Value getLayer();

  ModuleConverter &module;
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
  places[function.getArgument(1)] = {
      plan::ArgumentOp::create(builder, loc, getMemRefType(function.getArgument(1).getType()), call,
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
        plan::RecordStateOp::create(builder, state.getLoc(), call, getMemory(state.getInput()),
                                    state.getLayerAttr());
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

void FunctionConverter::convertCompute(Operation *op) {
  setResults(op);
  auto name = op->getAttrOfType<StringAttr>(kKernelAttr);
  const kernels::Kernel *kernel = name ? kernels::findKernel(name.getValue()) : nullptr;
  // A kernel that wants whole rows cannot read a slice of columns.
  bool slices = llvm::any_of(op->getOperands(), [&](Value value) {
    auto found = places.find(value);
    return found != places.end() && isa<MemRefType>(found->second.memory.getType()) && value.getDefiningOp<tensor::ExtractSliceOp>();
  });
  if (kernel && (!slices || takesColumns(*kernel))) {
    dispatch(op, *kernel);
  } else {
    callGenerated(op);
  }
}

void FunctionConverter::dispatch(Operation *op, const kernels::Kernel &kernel) {
  KernelOperands operands =
      getKernelOperands(op, kernel, [&](Value value) { return getColumns(value); }, module.getLayers());
  SmallVector<Value> memory;
  for (Value input : operands.inputs) {
    memory.push_back(places[input].memory);
  }
  Value first;
  for (Value result : op->getResults()) {
    if (isa<RankedTensorType>(result.getType())) {
      memory.push_back(places[result].memory);
      first = result;
    }
  }
  for (Value extra : operands.extras) {
    memory.push_back(getMemory(extra));
  }
  bool grouped = isa<MoELinearOp, MoELinearSwiGluOp>(op) || !first;
  RowCount count = grouped ? rows : places[first].count;
  Region none;
  Region &epilogue = op->getNumRegions() ? op->getRegion(0) : none;
  StringRef symbol = module.getKernel(kernel, operands.constants, epilogue, count.most);
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
    if (isa<RankedTensorType>(result.getType())) {
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
  for (Value result : op->getResults()) {
    if (isa<RankedTensorType>(result.getType()) && !places.count(result)) {
      RowCount count = countResultRows(op, result);
      places[result] = {createBuffer(result.getType(), count), count};
    }
  }
}

RowCount FunctionConverter::countResultRows(Operation *op, Value result) {
  auto type = cast<RankedTensorType>(result.getType());
  if (type.hasStaticShape()) {
    return {};
  }
  if (auto permute = dyn_cast<MoEPermuteOp>(op); permute && type.getRank() == 1) {
    int64_t choices = getWidth(permute.getIds().getType());
    Value factor = arith::ConstantIndexOp::create(builder, op->getLoc(), choices);
    return {arith::MulIOp::create(builder, op->getLoc(), rows.rows, factor), rows.most * choices};
  }
  Value like = TypeSwitch<Operation *, Value>(op)
                   .Case<MoELinearOp, MoELinearSwiGluOp>([](auto grouped) { return grouped.getSourceRows(); })
                   .Case([](MoECombineOp combine) { return combine.getSlots(); })
                   .Case([](SelectRowsOp select) { return select.getRows(); })
                   .Default([](Operation *other) { return other->getOperand(0); });
  return places[like].count;
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

Columns FunctionConverter::getColumns(Value value) {
  const Place &place = places[value];
  return {cast<MemRefType>(place.memory.getType()).getShape().back(), place.offset};
}

Value FunctionConverter::getLayer() {
  return layer ? layer : arith::ConstantIndexOp::create(builder, function.getLoc(), 0);
}

/// Writes a region of scalar ops such that equal epilogues give equal text.
void describeEpilogue(Region &epilogue, raw_ostream &stream) {
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

void ModuleConverter::run() {
  SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
  for (func::FuncOp function : functions) {
    findLayers(function);
  }
  for (func::FuncOp function : functions) {
    FunctionConverter(*this, function).run();
  }
  module->setAttr(plan::kScratchBytesAttr, builder.getI64IntegerAttr(scratchBytes));
}

void ModuleConverter::findLayers(func::FuncOp function) {
  function.walk([&](GetWeightOp op) {
    if (auto layers = symbols.lookup(op.getWeight())->getAttrOfType<DenseI64ArrayAttr>("layers")) {
      layersOf[function.getName()] = SmallVector<int64_t>(layers.asArrayRef());
    }
  });
}

StringRef ModuleConverter::getKernel(const kernels::Kernel &kernel, ArrayRef<int64_t> constants, Region &epilogue,
                                     int64_t mostRows) {
  scratchBytes = std::max(scratchBytes, kernel.scratchBytes(mostRows, constants.data()));
  std::string key(kernel.symbol);
  llvm::raw_string_ostream stream(key);
  llvm::interleave(constants, stream, [&](int64_t value) { stream << ',' << value; }, "");
  describeEpilogue(epilogue, stream);
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

func::FuncOp ModuleConverter::createGenerated(Operation *op, ArrayRef<Type> inputs, ArrayRef<Type> results) {
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
        mapping.map(operand, UnrealizedConversionCastOp::create(builder, loc, operand.getType(),
                                                                function.getArgument(0))
                                 .getResult(0));
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
      auto write = bufferization::MaterializeInDestinationOp::create(builder, loc, result,
                                                                     function.getArgument(next++));
      write.setRestrict(true);
      write.setWritable(true);
    }
  }
  func::ReturnOp::create(builder, loc);
  return function;
}

int64_t ModuleConverter::getFirstSlice(Operation *weight) {
  if (auto first = weight->getAttrOfType<IntegerAttr>(plan::kFirstSliceAttr)) {
    return first.getInt();
  }
  int64_t first = slices;
  slices += TypeSwitch<Operation *, int64_t>(weight).Case<WeightOp, RecipeOp>(
      [](auto op) { return op.getSlicesPerLayer() * op.getLayerCount(); });
  weight->setAttr(plan::kFirstSliceAttr, builder.getI64IntegerAttr(first));
  return first;
}

struct ConvertDeepSeekToPlan : impl::ConvertDeepSeekToPlanBase<ConvertDeepSeekToPlan> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!module->hasAttr(kModelAttr)) {
      module.emitError("expects the model's facts in attribute '") << kModelAttr << "'";
      return signalPassFailure();
    }
    ModuleConverter(module).run();
  }
};

} // namespace
} // namespace fathom
