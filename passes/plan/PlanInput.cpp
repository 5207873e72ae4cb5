// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What can be planned.

#include "passes/plan/PlanInput.h"

#include "passes/plan/PlanModule.h"
#include "passes/support/EntryPoints.h"
#include "passes/support/Kernels.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

RowRule getResultRows(OpResult result) {
  Operation *op = result.getOwner();
  if (auto compute = dyn_cast<ComputeOp>(op)) {
    return compute.getResultRows(result.getResultNumber());
  }
  return getRowsLike(op->getNumOperands() > 0 ? op->getOperand(0) : Value(), result);
}

/// Rows of the call, however many there are, as numbers of 32 bits.
static bool hasCountedRows(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  bool number = tensor && (tensor.getElementType().isF32() || tensor.getElementType().isInteger(32));
  return number && tensor.getRank() >= 1 && tensor.isDynamicDim(0) && (tensor.getRank() == 1 || isRows(tensor));
}

/// What stores or passes on rows takes them whole.
static LogicalResult verifyWhole(Operation *op, Value value) {
  return value.getDefiningOp<tensor::ExtractSliceOp>() ? op->emitOpError("expects whole rows, but got columns of them")
                                                       : success();
}

namespace {

class InputVerifier {
public:
  InputVerifier(PlanModule &module, func::FuncOp function)
      : module(module), function(function), isEntry(function->hasAttr(kMaxRowsAttr)) {}

  LogicalResult verify() {
    if (failed(verifyEntryFunction(function))) {
      return failure();
    }
    for (Operation &op : function.front()) {
      if (failed(verifyKernel(&op)) || failed(verifyOp(&op))) {
        return failure();
      }
    }
    return success();
  }

private:
  LogicalResult verifyOp(Operation *op) {
    return TypeSwitch<Operation *, LogicalResult>(op)
        .Case<GetWeightOp, tensor::ExtractSliceOp, tensor::DimOp, arith::ConstantOp, func::CallOp, RecordStateOp,
              func::ReturnOp>([&](auto concrete) { return verifyOne(concrete); })
        .Default([&](Operation *compute) { return verifyCompute(compute); });
  }

  LogicalResult verifyOne(GetWeightOp op) {
    if (!op.getLayer()) {
      return success();
    }
    if (isEntry || op.getLayer() != function.getArgument(3)) {
      return op.emitOpError("expects the layer that the function is called for");
    }
    auto layers = module.lookup(op.getWeight())->getAttrOfType<DenseI64ArrayAttr>("layers");
    if (layers.asArrayRef() != module.getLayersOf(function.getName())) {
      return op.emitOpError("expects a weight of the layers that the function's others have, but got [")
             << layers.asArrayRef() << "]";
    }
    return success();
  }

  LogicalResult verifyOne(tensor::ExtractSliceOp op) {
    bool columns = hasCountedRows(op.getSourceType()) && hasCountedRows(op.getType()) && op.getType().getRank() == 2 &&
                   op.getStaticOffset(0) == 0 && !op.isDynamicOffset(1) && op.hasUnitStride();
    return columns ? success() : op.emitOpError("expects static columns of an activation's rows, with stride 1");
  }

  LogicalResult verifyOne(tensor::DimOp op) {
    bool rows = op.getConstantIndex() == 0 && hasCountedRows(op.getSource().getType());
    return rows ? success() : op.emitOpError("expects to count rows");
  }

  LogicalResult verifyOne(arith::ConstantOp op) {
    return op.getType().isIndex() ? success() : op.emitOpError("expects an index, but got ") << op.getType();
  }

  LogicalResult verifyOne(func::CallOp op) {
    auto layer = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getCalleeAttr());
    if (!isEntry || layer->getAttr(kEntryAttr) != function->getAttr(kEntryAttr) || layer->hasAttr(kMaxRowsAttr)) {
      return op.emitOpError("expects an entry point to call a layer that belongs to it, but got ")
             << op.getCalleeAttr();
    }
    APInt index;
    if (!matchPattern(op.getOperand(3), m_ConstantInt(&index))) {
      return op.emitOpError("expects a constant layer");
    }
    ArrayRef<int64_t> layers = module.getLayersOf(op.getCallee());
    if (!layers.empty() && !llvm::is_contained(layers, index.getSExtValue())) {
      return op.emitOpError("expects a layer that ")
             << op.getCalleeAttr() << " has weights of, [" << layers << "], but got " << index.getSExtValue();
    }
    return verifyWhole(op, op.getOperand(0));
  }

  LogicalResult verifyOne(RecordStateOp op) {
    if (op.getLayer() >= uint64_t(module.getLayers()) || !hasCountedRows(op.getInput().getType())) {
      return op.emitOpError("expects rows of one of ")
             << module.getLayers() << " layers, but got layer " << op.getLayer() << " of " << op.getInput().getType();
    }
    return verifyWhole(op, op.getInput());
  }

  LogicalResult verifyOne(func::ReturnOp op) {
    Operation *producer = op.getOperand(0).getDefiningOp();
    if (!producer || isa<GetWeightOp, tensor::ExtractSliceOp>(producer)) {
      return op.emitOpError("expects an activation that an op computes");
    }
    return success();
  }

  LogicalResult verifyCompute(Operation *op) {
    for (Value operand : op->getOperands()) {
      if (!hasPlace(operand)) {
        return op->emitOpError("expects tensors, caches and indices as operands, but got ") << operand.getType();
      }
    }
    for (OpResult result : op->getResults()) {
      if (failed(verifyRows(op, result))) {
        return failure();
      }
    }
    SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    return captured.empty() ? success() : op->emitOpError("expects regions that use nothing from outside");
  }

  /// Rows of the call's, or as many as the op says.
  static LogicalResult verifyRows(Operation *op, OpResult result) {
    auto tensor = dyn_cast<RankedTensorType>(result.getType());
    if (isa<CacheType>(result.getType()) || (tensor && tensor.hasStaticShape() && isa<ComputeOp>(op))) {
      return success();
    }
    if (!hasCountedRows(result.getType())) {
      return op->emitOpError("expects results of a row for each row, but got ") << result.getType();
    }
    Value rows = getResultRows(result).operand;
    return rows && hasCountedRows(rows.getType()) ? success() : op->emitOpError("expects rows to compute");
  }

  /// Memory, or an index that the planned function knows as well.
  bool hasPlace(Value value) {
    if (value.getType().isIndex()) {
      return isa<BlockArgument>(value) || isa<arith::ConstantOp, tensor::DimOp>(value.getDefiningOp());
    }
    return isa<RankedTensorType, CacheType>(value.getType());
  }

  PlanModule &module;
  func::FuncOp function;
  bool isEntry;
};

} // namespace

LogicalResult verifyPlanInput(PlanModule &module, func::FuncOp function) {
  return InputVerifier(module, function).verify();
}

} // namespace fathom
