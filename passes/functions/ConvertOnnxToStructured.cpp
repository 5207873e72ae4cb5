// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The functions of a graph: what they take, what they give, and the weights.

#include "passes/functions/GraphConverter.h"
#include "passes/functions/Passes.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_CONVERTONNXTOSTRUCTURED
#include "passes/functions/Passes.h.inc"

static MemRefType getMemory(Type type) {
  auto tensor = dyn_cast_or_null<RankedTensorType>(convertTensorType(type));
  return tensor ? MemRefType::get(tensor.getShape(), tensor.getElementType()) : MemRefType();
}

namespace {
struct ConvertOnnxToStructured : impl::ConvertOnnxToStructuredBase<ConvertOnnxToStructured> {
  void runOnOperation() override {
    auto graph = getOperation().lookupSymbol<func::FuncOp>(onnx::kMainFunction);
    if (!graph || failed(declareWeights()) || failed(convert(graph))) {
      return signalPassFailure();
    }
    graph.erase();
    for (auto initializer : llvm::make_early_inc_range(getOperation().getOps<onnx::InitializerOp>())) {
      initializer.erase();
    }
  }

  /// What an initializer is in memory: a bool is a byte, and two numbers of 4 bits are one.
  static MemRefType getStored(RankedTensorType type) {
    Type element = type.getElementType(), byte = IntegerType::get(type.getContext(), 8);
    auto integer = dyn_cast<IntegerType>(element);
    if (integer && integer.getWidth() == 4) {
      return MemRefType::get({(type.getNumElements() + 1) / 2}, byte);
    }
    bool isByte = element.isInteger(1) || !isa<IntegerType, FloatType>(element);
    return isByte ? MemRefType::get(type.getShape(), byte) : getMemory(type);
  }

  /// Says of initializers which memory they are; what nobody computes with is memory as well.
  LogicalResult declareWeights() {
    OpBuilder builder(getOperation().getBodyRegion());
    SymbolTable symbols(getOperation());
    int64_t number = 0;
    for (auto initializer : getOperation().getOps<onnx::InitializerOp>()) {
      MemRefType memory = getStored(initializer.getTensorType());
      auto global = memref::GlobalOp::create(builder, initializer.getLoc(), ("weight." + Twine(number++)).str(),
                                             builder.getStringAttr("private"), memory, Attribute(), /*constant=*/false,
                                             IntegerAttr());
      initializer->setAttr("memory", FlatSymbolRefAttr::get(symbols.insert(global)));
    }
    return success();
  }

  LogicalResult convert(func::FuncOp graph) {
    SmallVector<Type> inputs =
        llvm::map_to_vector(graph.getArgumentTypes(), [](Type type) -> Type { return getMemory(type); });
    if (llvm::is_contained(inputs, Type())) {
      return emitError(graph.getLoc()) << "has inputs other than tensors of a known rank";
    }
    OpBuilder builder(graph);
    SymbolTable symbols(getOperation());
    auto function = func::FuncOp::create(builder, graph.getLoc(), "graph", builder.getFunctionType(inputs, {}));
    symbols.insert(function); // by another name where an initializer has that
    builder.setInsertionPointToStart(function.addEntryBlock());
    GraphConverter converter(builder);
    for (auto [argument, memory] : llvm::zip_equal(graph.getArguments(), function.getArguments())) {
      Type type = convertTensorType(argument.getType());
      converter.bindInput(argument,
                          bufferization::ToTensorOp::create(builder, graph.getLoc(), type, memory, /*restrict=*/true));
    }
    converter.convertBlock(graph.front());
    if (failed(converter.reportMissing(graph.getLoc())) || failed(giveOutputs(builder, graph, converter, function))) {
      return failure();
    }
    nameTensors(graph, function);
    graph.setName(function.getName());
    function.setName(onnx::kMainFunction);
    return success();
  }

  /// Each output is memory of its own, row by row.
  static LogicalResult giveOutputs(OpBuilder &builder, func::FuncOp graph, GraphConverter &converter,
                                   func::FuncOp function) {
    SmallVector<Value> results;
    StructuredBuilder b(builder, graph.getLoc());
    for (Value output : graph.front().getTerminator()->getOperands()) {
      Value tensor = converter.get(output);
      if (!tensor) {
        return emitError(graph.getLoc()) << "has an output that no node computes";
      }
      auto type = cast<RankedTensorType>(tensor.getType());
      StructuredBuilder::Values sizes;
      for (int64_t i = 0; i < type.getRank(); ++i) {
        type.isDynamicDim(i) ? sizes.push_back(b.size(tensor, i)) : void();
      }
      Value copy = b.map(type, sizes, [&](ValueRange i) -> Value { return b.create<tensor::ExtractOp>(tensor, i); });
      results.push_back(copy);
    }
    // Behind all copies, so that bufferization sees that each is read when all are written.
    for (Value &result : results) {
      result = b.create<bufferization::ToBufferOp>(getMemory(cast<RankedTensorType>(result.getType())), result);
    }
    func::ReturnOp::create(builder, graph.getLoc(), results);
    function.setType(builder.getFunctionType(function.getArgumentTypes(), TypeRange(ValueRange(results))));
    return success();
  }

  /// What inputs and outputs are called, and their types with signs and with names of sizes: the artifact says them.
  static void nameTensors(func::FuncOp graph, func::FuncOp function) {
    for (unsigned i = 0; i < graph.getNumArguments(); ++i) {
      function.setArgAttr(i, kTensorTypeAttr, TypeAttr::get(graph.getArgumentTypes()[i]));
      if (auto name = graph.getArgAttrOfType<StringAttr>(i, onnx::kNameAttr)) {
        function.setArgAttr(i, onnx::kNameAttr, name);
      }
    }
    for (unsigned i = 0; i < graph.getNumResults(); ++i) {
      auto memory = cast<MemRefType>(function.getResultTypes()[i]);
      auto type = cast<TensorType>(graph.getResultTypes()[i]);
      Type ranked = type.hasRank() ? Type(type) : RankedTensorType::get(memory.getShape(), type.getElementType());
      function.setResultAttr(i, kTensorTypeAttr, TypeAttr::get(ranked));
      if (auto name = graph.getResultAttrOfType<StringAttr>(i, onnx::kNameAttr)) {
        function.setResultAttr(i, onnx::kNameAttr, name);
      }
    }
  }
};
} // namespace

} // namespace fathom
