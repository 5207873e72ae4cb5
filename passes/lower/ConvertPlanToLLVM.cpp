// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The whole module to the LLVM dialect.

#include "passes/lower/LowerPlanOps.h"
#include "passes/lower/Passes.h"

#include "fathom/kernel_abi.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_CONVERTPLANTOLLVM
#include "passes/lower/Passes.h.inc"

static Value index(OpBuilder &builder, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

/// The address of element `position` (an i64) of an array of `type`.
static Value element(OpBuilder &builder, Location loc, Type type, Value array, Value position) {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  return LLVM::GEPOp::create(builder, loc, pointer, type, array, ArrayRef<LLVM::GEPArg>{position});
}

namespace {
/// Functions that patterns and kernels call. Epilogues are written with loops and converted with the rest.
class HelperFunctions {
public:
  explicit HelperFunctions(ModuleOp module)
      : module(module), builder(module.getContext()), loc(module.getLoc()),
        pointer(LLVM::LLVMPointerType::get(module.getContext())), i64(builder.getI64Type()), f32(builder.getF32Type()) {
  }

  /// Defines the epilogue of a kernel, whose extra operands have the same types in every dispatch of it.
  void addEpilogue(plan::KernelOp kernel, plan::DispatchOp dispatch);

  /// Gives a generated function the name of a task, and that its count of items: as many as it says, or one for each
  /// row.
  void addTask(func::FuncOp function) {
    builder.setInsertionPointToEnd(module.getBody());
    auto items =
        func::FuncOp::create(builder, loc, (function.getName() + ".items").str(), builder.getFunctionType(i64, i64));
    function.setName((function.getName() + ".task").str());
    builder.setInsertionPointToStart(items.addEntryBlock());
    auto fixed = function->getAttrOfType<IntegerAttr>(plan::kItemsAttr);
    Value count = fixed ? arith::ConstantOp::create(builder, loc, fixed).getResult() : items.getArgument(0);
    func::ReturnOp::create(builder, loc, count);
  }

  void declareCalls() {
    builder.setInsertionPointToEnd(module.getBody());
    declare(kCacheRow, pointer, {pointer, i64, i64, i64, i64, i64});
    declare(kReadNumber, f32, {pointer, i64, i64, i64, i64});
    declare(kWriteRow, LLVM::LLVMVoidType::get(builder.getContext()), {pointer, i64, i64, i64, pointer});
  }

private:
  /// An operand of an epilogue, from the number on that it reads for the first output.
  struct Extra {
    Type element;
    Value first;
  };
  void declare(const Twine &name, Type result, ArrayRef<Type> arguments) {
    LLVM::LLVMFuncOp::create(builder, loc, name.str(), LLVM::LLVMFunctionType::get(result, arguments));
  }
  Extra findExtra(MemRefType type, Value base, Value row, Value column);
  Value readExtra(const Extra &extra, Value i);
  Value toIndex(Value value) { return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), value); }
  Value toI64(Value value) { return arith::IndexCastOp::create(builder, loc, i64, value); }

  ModuleOp module;
  OpBuilder builder;
  Location loc;
  Type pointer;
  Type i64;
  Type f32;
};
} // namespace

/// In rows of as many numbers as the result has, or in a vector that every row reads.
HelperFunctions::Extra HelperFunctions::findExtra(MemRefType type, Value base, Value row, Value column) {
  Value position = column;
  if (type.getRank() > 1) {
    Value stride = LLVM::ConstantOp::create(builder, loc, i64, builder.getI64IntegerAttr(type.getShape().back()));
    position = LLVM::AddOp::create(builder, loc, LLVM::MulOp::create(builder, loc, row, stride), column);
  }
  return {type.getElementType(), element(builder, loc, type.getElementType(), base, position)};
}

Value HelperFunctions::readExtra(const Extra &extra, Value i) {
  Value address = element(builder, loc, extra.element, extra.first, i);
  Value stored = LLVM::LoadOp::create(builder, loc, extra.element, address);
  return extra.element.isF32() ? stored : LLVM::FPExtOp::create(builder, loc, f32, stored);
}

/// void epilogue(dispatch, row, column, count, values): the region on each of `count` outputs.
void HelperFunctions::addEpilogue(plan::KernelOp kernel, plan::DispatchOp dispatch) {
  builder.setInsertionPointToEnd(module.getBody());
  auto type = builder.getFunctionType({pointer, i64, i64, i64, pointer}, {});
  auto function = func::FuncOp::create(builder, loc, (kernel.getSymName() + ".epilogue").str(), type);
  builder.setInsertionPointToStart(function.addEntryBlock());
  Value row = function.getArgument(1);
  Value column = function.getArgument(2);
  Value values = function.getArgument(4);
  Value operands = loadField(builder, loc, function.getArgument(0), offsetof(fathom_dispatch_t, operands), pointer);
  SmallVector<Extra> extras;
  for (auto [i, extra] : llvm::enumerate(dispatch.getExtras())) {
    Value base = loadField(builder, loc, operands, (kernel.getOperandCount() + i) * sizeof(void *), pointer);
    extras.push_back(findExtra(cast<MemRefType>(extra.getType()), base, row, column));
  }
  auto loop = scf::ForOp::create(builder, loc, index(builder, loc, 0), toIndex(function.getArgument(3)),
                                 index(builder, loc, 1));
  func::ReturnOp::create(builder, loc);
  builder.setInsertionPointToStart(loop.getBody());
  Value i = toI64(loop.getInductionVar());
  IRMapping mapping;
  Block &body = kernel.getEpilogue().front();
  Value address = element(builder, loc, f32, values, i);
  mapping.map(body.getArgument(0), LLVM::LoadOp::create(builder, loc, f32, address).getResult());
  for (auto [argument, extra] : llvm::zip(body.getArguments().drop_front(), extras)) {
    mapping.map(argument, readExtra(extra, i));
  }
  for (Operation &op : body.without_terminator()) {
    builder.clone(op, mapping);
  }
  LLVM::StoreOp::create(builder, loc, mapping.lookup(body.getTerminator()->getOperand(0)), address);
}

/// Whether a function is one of the plan, which is commands by now.
static bool takesCall(func::FuncOp function) {
  return llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<plan::CallType>);
}

namespace {
struct ConvertPlanToLLVM : impl::ConvertPlanToLLVMBase<ConvertPlanToLLVM> {
  void runOnOperation() override {
    if (getOperation().getOps<func::FuncOp>().empty()) {
      return;
    }
    addHelpers();
    LowerToLLVMOptions options(&getContext());
    LLVMTypeConverter converter(&getContext(), options);
    addPlanTypes(converter);
    RewritePatternSet patterns(&getContext());
    populatePlanToLLVMPatterns(converter, patterns);
    populateUpstreamPatterns(converter, patterns);
    LLVMConversionTarget target(getContext());
    target.addLegalOp<ModuleOp, plan::KernelOp, plan::YieldOp>();
    target.markOpRecursivelyLegal<plan::KernelOp>();
    target.addLegalDialect("deepseek");
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns)))) {
      signalPassFailure();
    }
  }

  void addHelpers() {
    HelperFunctions helpers(getOperation());
    llvm::StringMap<plan::DispatchOp> dispatches;
    getOperation().walk([&](plan::DispatchOp op) { dispatches.try_emplace(op.getKernel(), op); });
    for (plan::KernelOp kernel : llvm::to_vector(getOperation().getOps<plan::KernelOp>())) {
      plan::DispatchOp dispatch = dispatches.lookup(kernel.getSymName());
      if (!dispatch) {
        kernel.erase();
      } else if (!kernel.getEpilogue().empty()) {
        helpers.addEpilogue(kernel, dispatch);
      }
    }
    for (func::FuncOp function : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (plan::isTask(function)) {
        helpers.addTask(function);
      } else if (takesCall(function)) {
        function.erase();
      }
    }
    helpers.declareCalls();
  }

  static void populateUpstreamPatterns(LLVMTypeConverter &converter, RewritePatternSet &patterns) {
    populateSCFToControlFlowConversionPatterns(patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);
  }
};
} // namespace

} // namespace fathom
