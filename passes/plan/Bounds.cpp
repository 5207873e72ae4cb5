// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Offsets, sizes and layers of a plan, which may be anybody's text.

#include "passes/plan/Bounds.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/plan/Plan.h"
#include "fathom/artifact_abi.h"
#include "kernels/Catalog.h"
#include "passes/plan/RowCounts.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;

namespace fathom {

static int64_t getCount(Operation *op, StringRef name) { return op->getAttrOfType<IntegerAttr>(name).getInt(); }

/// The most that `count` is in a call of at most `most` rows; none: it is something else.
static std::optional<int64_t> getMostRows(Value count, int64_t most) {
  std::optional<CountedRows> rows = getCountedRows(count);
  return rows ? std::optional(std::max<int64_t>(most, 1) * rows->factor) : std::nullopt;
}

/// The most bytes of a buffer whose sizes are counts of rows; none: more than an i64 holds.
static std::optional<int64_t> getMostBytes(plan::BufferOp op, int64_t mostRows) {
  auto type = cast<MemRefType>(op.getType());
  std::optional<int64_t> bytes = type.getElementTypeBitWidth() / 8;
  auto multiply = [&](std::optional<int64_t> size) {
    bytes = bytes && size ? llvm::checkedMul(*bytes, *size) : std::nullopt;
  };
  for (int64_t size : llvm::make_filter_range(type.getShape(), ShapedType::isStatic)) {
    multiply(size);
  }
  for (Value size : op.getSizes()) {
    multiply(getMostRows(size, mostRows));
  }
  return bytes;
}

static LogicalResult verifyBuffer(plan::BufferOp op, int64_t mostRows, int64_t arena) {
  int64_t offset = *op.getOffset(), bytes = op.getBytes();
  if (offset > arena || bytes > arena - offset) {
    return op.emitOpError("expects a place in an arena of ") << arena << " bytes";
  }
  if (offset % FATHOM_MEMORY_ALIGNMENT != 0) {
    return op.emitOpError("expects an offset that is a multiple of ")
           << FATHOM_MEMORY_ALIGNMENT << ", but got " << offset;
  }
  if (!llvm::all_of(op.getSizes(), getCountedRows)) {
    return op.emitOpError("expects counts of rows as sizes");
  }
  std::optional<int64_t> needed = getMostBytes(op, mostRows);
  if (!needed || *needed > bytes) {
    return op.emitOpError("expects as many bytes as ") << op.getType() << " has in a call of " << mostRows << " rows";
  }
  return success();
}

/// An index that a function is called with is the one that is meant for that.
static LogicalResult verifyParameter(Operation *op, Value index, unsigned expected) {
  auto argument = dyn_cast<BlockArgument>(index);
  return !argument || argument.getArgNumber() == expected ? success()
                                                          : op->emitOpError("expects parameter ")
                                                                << expected << " of its function, but got "
                                                                << argument.getArgNumber();
}

namespace {
class BoundsVerifier {
public:
  explicit BoundsVerifier(ModuleOp module)
      : module(module), symbols(module), scratch(getCount(module, plan::kScratchBytesAttr)),
        layers(*deepseek::countStoredLayers(module)) {
    module.walk([&](func::CallOp call) { calls[call.getCallee()].push_back(call); });
  }

  LogicalResult run() {
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function->hasAttr(plan::kMaxRowsAttr) && failed(verifyEntryPoint(function))) {
        return failure();
      }
    }
    WalkResult result = module.walk([&](Operation *op) { return WalkResult(verifyLayers(op)); });
    return failure(result.wasInterrupted());
  }

private:
  /// What calls of an entry point reach.
  LogicalResult verifyEntryPoint(func::FuncOp entry) {
    int64_t mostRows = getCount(entry, plan::kMaxRowsAttr), arena = getCount(entry, plan::kArenaBytesAttr);
    if (mostRows > FATHOM_MOST_ROWS) {
      return emitError(entry.getLoc(), "expects '")
             << plan::kMaxRowsAttr << "' of " << FATHOM_MOST_ROWS << " or less, but got " << mostRows;
    }
    llvm::SmallSetVector<Operation *, 8> reached;
    reached.insert(entry);
    for (size_t i = 0; i < reached.size(); ++i) {
      WalkResult result = reached[i]->walk([&](Operation *op) -> WalkResult {
        if (auto call = dyn_cast<func::CallOp>(op)) {
          reached.insert(symbols.lookup(call.getCallee()));
        } else if (auto buffer = dyn_cast<plan::BufferOp>(op)) {
          return verifyBuffer(buffer, mostRows, arena);
        } else if (auto dispatch = dyn_cast<plan::DispatchOp>(op)) {
          return verifyScratch(dispatch, mostRows);
        }
        return WalkResult::advance();
      });
      if (result.wasInterrupted()) {
        return failure();
      }
    }
    return success();
  }

  LogicalResult verifyScratch(plan::DispatchOp op, int64_t mostRows) {
    auto kernel = symbols.lookup<plan::KernelOp>(op.getKernel());
    if (!kernel) {
      return success(); // Temporaries of a generated function are placed when it has loops.
    }
    int64_t rows = *getMostRows(op.getRows(), mostRows);
    int64_t needed = kernels::findKernel(kernel.getKernel())->scratchBytes(rows, kernel.getConstants().data());
    return needed <= scratch ? success()
                             : op.emitOpError("expects '")
                                   << plan::kScratchBytesAttr << "' of " << needed << " or more, but got " << scratch;
  }

  /// Where `op` finds rows of a layer's cache, or a layer's weights.
  LogicalResult verifyLayers(Operation *op) {
    if (auto dispatch = dyn_cast<plan::DispatchOp>(op)) {
      return failure(failed(verifyParameter(op, dispatch.getLayer(), plan::kLayerParameter)) ||
                     failed(verifyIndex(op, dispatch.getLayer(), layers)));
    }
    if (auto weight = dyn_cast<plan::WeightOp>(op)) {
      int64_t instances = symbols.lookup<deepseek::WeightSymbol>(weight.getWeight()).getLayerCount();
      return failure(weight.getInstance() &&
                     (failed(verifyParameter(op, weight.getInstance(), plan::kInstanceParameter)) ||
                      failed(verifyIndex(op, weight.getInstance(), instances))));
    }
    for (Value operand : op->getOperands()) {
      bool isLayer = isa_and_nonnull<deepseek::DeepSeekDialect>(op->getDialect()) && operand.getType().isIndex();
      if (isLayer && failed(verifyIndex(op, operand, layers))) {
        return failure();
      }
    }
    return success();
  }

  /// `index` is below `bound`: a constant, or what every call passes.
  LogicalResult verifyIndex(Operation *user, Value index, int64_t bound) {
    SmallVector<std::pair<Operation *, Value>> work = {{user, index}};
    while (!work.empty()) {
      auto [op, value] = work.pop_back_val();
      APInt constant;
      if (matchPattern(value, m_ConstantInt(&constant))) {
        if (constant.uge(bound)) {
          return op->emitOpError("expects a layer below ") << bound << ", but got " << constant.getSExtValue();
        }
        continue;
      }
      if (value.getDefiningOp<plan::LayerOp>()) {
        continue; // That of a dispatch.
      }
      auto argument = dyn_cast<BlockArgument>(value);
      auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
      if (!function || !argument.getOwner()->isEntryBlock()) {
        return op->emitOpError("expects a layer that is a constant, or that calls pass");
      }
      if (!checked.insert({argument, bound}).second) {
        continue;
      }
      for (func::CallOp call : calls[function.getName()]) {
        work.emplace_back(call, call.getOperand(argument.getArgNumber()));
      }
    }
    return success();
  }

  ModuleOp module;
  SymbolTable symbols;
  int64_t scratch;
  int64_t layers;
  llvm::StringMap<SmallVector<func::CallOp>> calls;
  llvm::DenseSet<std::pair<Value, int64_t>> checked;
};
} // namespace

LogicalResult verifyBounds(ModuleOp module) { return BoundsVerifier(module).run(); }

} // namespace fathom
