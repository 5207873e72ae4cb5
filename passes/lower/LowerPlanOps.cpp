// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops of generated functions as loads, address arithmetic and calls of kernels/cpu/generated_calls.cpp.

#include "passes/lower/LowerPlanOps.h"

#include "dialects/plan/Plan.h"
#include "fathom/kernel_abi.h"

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

static Value multiply(OpBuilder &builder, Location loc, Value value, int64_t factor) {
  return LLVM::MulOp::create(builder, loc, value, constant(builder, loc, factor));
}

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

} // namespace

void addPlanTypes(LLVMTypeConverter &converter) {
  auto toPointer = [](Type type) { return LLVM::LLVMPointerType::get(type.getContext()); };
  converter.addConversion([=](TaskType type) { return toPointer(type); });
  converter.addConversion([=](ScratchType type) { return toPointer(type); });
  converter.addConversion([=](TableType type) { return toPointer(type); });
}

void populatePlanToLLVMPatterns(const LLVMTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerExpert, LowerCacheRow, LowerReadNumber, LowerWriteRow, LowerOperand, LowerLayer, LowerTemporary>(
      converter);
}

} // namespace fathom
