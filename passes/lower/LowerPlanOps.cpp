// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each plan op as loads, address arithmetic and calls through the host table.

#include "passes/lower/LowerPlanOps.h"

#include "dialects/plan/Plan.h"
#include "fathom/artifact_abi.h"

#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace fathom {

using namespace plan;

static Type pointerType(OpBuilder &builder) { return LLVM::LLVMPointerType::get(builder.getContext()); }

static Value constant(OpBuilder &builder, Location loc, int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, builder.getI64Type(), builder.getI64IntegerAttr(value));
}

/// `pointer` plus a number of bytes.
static Value advance(OpBuilder &builder, Location loc, Value pointer, Value bytes) {
  return LLVM::GEPOp::create(builder, loc, pointerType(builder), builder.getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{bytes});
}

static Value advance(OpBuilder &builder, Location loc, Value pointer, int64_t bytes) {
  return advance(builder, loc, pointer, constant(builder, loc, bytes));
}

Value loadField(OpBuilder &builder, Location loc, Value pointer, int64_t offset, Type type) {
  return LLVM::LoadOp::create(builder, loc, type, advance(builder, loc, pointer, offset));
}

static Value loadPointer(OpBuilder &builder, Location loc, Value pointer, int64_t offset) {
  return loadField(builder, loc, pointer, offset, pointerType(builder));
}

static void storeField(OpBuilder &builder, Location loc, Value value, Value pointer, int64_t offset) {
  LLVM::StoreOp::create(builder, loc, value, advance(builder, loc, pointer, offset));
}

static Value multiply(OpBuilder &builder, Location loc, Value value, int64_t factor) {
  return LLVM::MulOp::create(builder, loc, value, constant(builder, loc, factor));
}

static Value add(OpBuilder &builder, Location loc, Value a, Value b) { return LLVM::AddOp::create(builder, loc, a, b); }

/// How the store that `op` names keeps rows, as functions of generated_calls.cpp take it.
static SmallVector<Value> describeRow(OpBuilder &builder, Operation *op, StringRef store) {
  StoreAttr place = findStore(op, store);
  Location loc = op->getLoc();
  return {constant(builder, loc, place.getRowElement()), constant(builder, loc, place.getWidth()),
          constant(builder, loc, place.getTail())};
}

/// A descriptor of contiguous memory whose dynamic sizes are `sizes`, in order.
static Value describe(OpBuilder &builder, Location loc, const LLVMTypeConverter &converter, MemRefType type,
                      Value pointer, ValueRange sizes) {
  auto descriptor = MemRefDescriptor::poison(builder, loc, converter.convertType(type));
  descriptor.setAllocatedPtr(builder, loc, pointer);
  descriptor.setAlignedPtr(builder, loc, pointer);
  descriptor.setConstantOffset(builder, loc, 0);
  Value stride = constant(builder, loc, 1);
  size_t dynamic = sizes.size();
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    Value size = type.isDynamicDim(i) ? sizes[--dynamic] : constant(builder, loc, type.getDimSize(i));
    descriptor.setSize(builder, loc, i, size);
    descriptor.setStride(builder, loc, i, stride);
    stride = i > 0 ? Value(LLVM::MulOp::create(builder, loc, stride, size)) : stride;
  }
  return descriptor;
}

namespace {

template <typename Op>
struct PlanPattern : ConvertOpToLLVMPattern<Op> {
  using ConvertOpToLLVMPattern<Op>::ConvertOpToLLVMPattern;
  using Rewriter = ConversionPatternRewriter;

  /// Replaces the op by contiguous memory of its type.
  LogicalResult replace(Op op, Rewriter &rewriter, Value pointer, ValueRange sizes = {}) const {
    auto type = cast<MemRefType>(op.getType());
    rewriter.replaceOp(op, describe(rewriter, op.getLoc(), *this->getTypeConverter(), type, pointer, sizes));
    return success();
  }
};

struct LowerRows : PlanPattern<RowsOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(RowsOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    int64_t field = op.getWhich() == Rows::rows ? offsetof(fathom_call_t, rows) : offsetof(fathom_call_t, logit_rows);
    rewriter.replaceOp(op, loadField(rewriter, op.getLoc(), adaptor.getCall(), field, rewriter.getI64Type()));
    return success();
  }
};

struct LowerArgument : PlanPattern<ArgumentOp> {
  using PlanPattern::PlanPattern;
  struct Field {
    StringLiteral name;
    int64_t pointer;
    int64_t rows;
  };
  static constexpr Field kFields[] = {
#define FATHOM_CALL_INPUT(field, element, rows) {#field, offsetof(fathom_call_t, field), offsetof(fathom_call_t, rows)},
#define FATHOM_CALL_OUTPUT FATHOM_CALL_INPUT
#include "fathom/call_inputs.def"
  };

  LogicalResult matchAndRewrite(ArgumentOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    Location loc = op.getLoc();
    const Field &field = *llvm::find_if(kFields, [&](const Field &one) { return one.name == op.getName(); });
    Value rows = loadField(rewriter, loc, adaptor.getCall(), field.rows, rewriter.getI64Type());
    return replace(op, rewriter, loadPointer(rewriter, loc, adaptor.getCall(), field.pointer), rows);
  }
};

struct LowerBuffer : PlanPattern<BufferOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(BufferOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    if (!op.getOffset()) {
      return op.emitOpError("has no offset: run fathom-plan-buffers first");
    }
    Location loc = op.getLoc();
    Value arena = loadPointer(rewriter, loc, adaptor.getCall(), offsetof(fathom_call_t, arena));
    return replace(op, rewriter, advance(rewriter, loc, arena, *op.getOffset()), adaptor.getSizes());
  }
};

struct LowerWeight : PlanPattern<WeightOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(WeightOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value slice = constant(rewriter, loc, op.getFirstSlice());
    if (adaptor.getInstance()) {
      slice = add(rewriter, loc, slice, multiply(rewriter, loc, adaptor.getInstance(), op.getSlicesPerLayer()));
    }
    Value table = loadPointer(rewriter, loc, adaptor.getCall(), offsetof(fathom_call_t, weights));
    Value entry = advance(rewriter, loc, table, multiply(rewriter, loc, slice, sizeof(void *)));
    // Slices of experts follow each other, so the place of the first is a table of all.
    if (isa<TableType>(op.getType())) {
      rewriter.replaceOp(op, entry);
      return success();
    }
    return replace(op, rewriter, loadPointer(rewriter, loc, entry, 0));
  }
};

struct LowerExpert : PlanPattern<ExpertOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(ExpertOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value entry =
        advance(rewriter, loc, adaptor.getTable(), multiply(rewriter, loc, adaptor.getIndex(), sizeof(void *)));
    return replace(op, rewriter, loadPointer(rewriter, loc, entry, 0));
  }
};

struct LowerCacheRow : PlanPattern<CacheRowOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(CacheRowOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    Location loc = op.getLoc();
    StoreAttr place = findStore(op, op.getStore());
    Value cache = loadPointer(rewriter, loc, adaptor.getTask(), offsetof(fathom_dispatch_t, cache));
    Value store = constant(rewriter, loc, place.getOffset());
    Value bytes = constant(rewriter, loc, place.getRowBytes());
    Value pointer = LLVM::CallOp::create(
                        rewriter, loc, TypeRange{pointerType(rewriter)}, kCacheRow,
                        ValueRange{cache, adaptor.getRow(), adaptor.getLayer(), adaptor.getPosition(), store, bytes})
                        .getResult();
    return replace(op, rewriter, pointer);
  }
};

struct LowerReadNumber : PlanPattern<ReadNumberOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(ReadNumberOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    SmallVector<Value> arguments = {MemRefDescriptor(adaptor.getRow()).alignedPtr(rewriter, op.getLoc())};
    llvm::append_range(arguments, describeRow(rewriter, op, op.getStore()));
    arguments.push_back(adaptor.getIndex());
    rewriter.replaceOpWithNewOp<LLVM::CallOp>(op, TypeRange{rewriter.getF32Type()}, kReadNumber, arguments);
    return success();
  }
};

struct LowerWriteRow : PlanPattern<WriteRowOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(WriteRowOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    SmallVector<Value> arguments = {MemRefDescriptor(adaptor.getNumbers()).alignedPtr(rewriter, op.getLoc())};
    llvm::append_range(arguments, describeRow(rewriter, op, op.getStore()));
    arguments.push_back(MemRefDescriptor(adaptor.getRow()).alignedPtr(rewriter, op.getLoc()));
    rewriter.replaceOpWithNewOp<LLVM::CallOp>(op, TypeRange(), kWriteRow, arguments);
    return success();
  }
};

struct LowerOperand : PlanPattern<OperandOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(OperandOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value operands = loadPointer(rewriter, loc, adaptor.getTask(), offsetof(fathom_dispatch_t, operands));
    Value pointer = loadPointer(rewriter, loc, operands, op.getNumber() * sizeof(void *));
    auto type = dyn_cast<MemRefType>(op.getType());
    if (!type) {
      rewriter.replaceOp(op, pointer);
      return success();
    }
    if (Value item = adaptor.getItem()) {
      int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
      return replace(op, rewriter, advance(rewriter, loc, pointer, multiply(rewriter, loc, item, bytes)));
    }
    SmallVector<Value> sizes;
    if (!type.hasStaticShape()) {
      Value rows =
          loadField(rewriter, loc, adaptor.getTask(), offsetof(fathom_dispatch_t, rows), rewriter.getI64Type());
      sizes.push_back(multiply(rewriter, loc, rows, op.getFactor().value_or(0)));
    }
    return replace(op, rewriter, pointer, sizes);
  }
};

struct LowerLayer : PlanPattern<LayerOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(LayerOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    rewriter.replaceOp(op, loadField(rewriter, op.getLoc(), adaptor.getTask(), offsetof(fathom_dispatch_t, layer),
                                     rewriter.getI64Type()));
    return success();
  }
};

struct LowerTemporary : PlanPattern<TemporaryOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(TemporaryOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    return replace(op, rewriter, advance(rewriter, op.getLoc(), adaptor.getScratch(), op.getOffset()));
  }
};

struct LowerDispatch : PlanPattern<DispatchOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(DispatchOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value task = LLVM::AddressOfOp::create(rewriter, loc, pointerType(rewriter), (op.getKernel() + ".task").str());
    Value dispatch = fillDispatch(op, adaptor, rewriter);
    Value items = LLVM::CallOp::create(rewriter, loc, TypeRange{rewriter.getI64Type()},
                                       (op.getKernel() + ".items").str(), ValueRange{adaptor.getRows()})
                      .getResult();
    // host->parallel(host->self, …)
    Value host = loadPointer(rewriter, loc, adaptor.getCall(), offsetof(fathom_call_t, host));
    Value operands[] = {loadPointer(rewriter, loc, host, offsetof(fathom_host_t, parallel)),
                        loadPointer(rewriter, loc, host, offsetof(fathom_host_t, self)), task, dispatch, items};
    SmallVector<Type> types(ValueRange(operands).drop_front().getTypes());
    LLVM::CallOp::create(rewriter, loc, LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(getContext()), types),
                         operands);
    rewriter.eraseOp(op);
    return success();
  }

  /// A fathom_dispatch_t on the stack.
  static Value fillDispatch(DispatchOp op, OpAdaptor adaptor, Rewriter &rewriter) {
    Location loc = op.getLoc();
    Type pointer = pointerType(rewriter);
    int64_t count = adaptor.getArguments().size();
    Value operands = LLVM::AllocaOp::create(rewriter, loc, pointer, pointer, constant(rewriter, loc, count));
    for (auto [i, argument] : llvm::enumerate(adaptor.getArguments())) {
      Value address = isa<MemRefType>(op.getArguments()[i].getType())
                          ? MemRefDescriptor(argument).alignedPtr(rewriter, loc)
                          : argument;
      storeField(rewriter, loc, address, operands, i * sizeof(void *));
    }
    Value dispatch = LLVM::AllocaOp::create(rewriter, loc, pointer, rewriter.getI64Type(),
                                            constant(rewriter, loc, sizeof(fathom_dispatch_t) / sizeof(int64_t)));
    storeField(rewriter, loc, operands, dispatch, offsetof(fathom_dispatch_t, operands));
    storeField(rewriter, loc, adaptor.getRows(), dispatch, offsetof(fathom_dispatch_t, rows));
    storeField(rewriter, loc, adaptor.getLayer(), dispatch, offsetof(fathom_dispatch_t, layer));
    Value call = adaptor.getCall();
    storeField(rewriter, loc, loadPointer(rewriter, loc, call, offsetof(fathom_call_t, positions)), dispatch,
               offsetof(fathom_dispatch_t, positions));
    storeField(rewriter, loc, advance(rewriter, loc, call, offsetof(fathom_call_t, cache)), dispatch,
               offsetof(fathom_dispatch_t, cache));
    return dispatch;
  }
};

struct LowerRecordState : PlanPattern<RecordStateOp> {
  using PlanPattern::PlanPattern;
  LogicalResult matchAndRewrite(RecordStateOp op, OpAdaptor adaptor, Rewriter &rewriter) const override {
    Location loc = op.getLoc();
    int64_t width = cast<MemRefType>(op.getInput().getType()).getShape().back();
    Value input = MemRefDescriptor(adaptor.getInput()).alignedPtr(rewriter, loc);
    Value layer = constant(rewriter, loc, op.getLayer());
    auto call = LLVM::CallOp::create(rewriter, loc, TypeRange(), kRecordState,
                                     ValueRange{adaptor.getCall(), input, layer, constant(rewriter, loc, width)});
    call.setNoInline(true); // There is one for each layer: their copies were most of a deep model's code.
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void addPlanTypes(LLVMTypeConverter &converter) {
  auto toPointer = [](Type type) { return LLVM::LLVMPointerType::get(type.getContext()); };
  converter.addConversion([=](CallType type) { return toPointer(type); });
  converter.addConversion([=](TaskType type) { return toPointer(type); });
  converter.addConversion([=](ScratchType type) { return toPointer(type); });
  converter.addConversion([=](TableType type) { return toPointer(type); });
}

void populatePlanToLLVMPatterns(const LLVMTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerRows, LowerArgument, LowerBuffer, LowerWeight, LowerExpert, LowerCacheRow, LowerReadNumber,
               LowerWriteRow, LowerOperand, LowerLayer, LowerTemporary, LowerDispatch, LowerRecordState>(converter);
}

} // namespace fathom
