// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cache in structured ops. Internal to the lower phase.

#ifndef FATHOM_PASSES_LOWER_CACHEROWS_H
#define FATHOM_PASSES_LOWER_CACHEROWS_H

#include "passes/support/StructuredBuilder.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/plan/Plan.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace fathom {

/// Rows of a layer in one store of the cache of a task. Items are rows.
class CacheRows {
public:
  /// Null `task`: the cache is of no task, pages do not hold the store, or nobody knows how many positions there are.
  CacheRows(StructuredBuilder &b, mlir::TypedValue<deepseek::CacheType> cache, llvm::StringRef store, mlir::Value layer)
      : b(b), store(store), layer(layer), heads(cache.getType().findStore(store).getHeads()),
        numbers(mlir::MemRefType::get({cache.getType().findStore(store).getWidth()}, b.builder.getF32Type())) {
    auto cast = cache.getDefiningOp<mlir::UnrealizedConversionCastOp>();
    auto argument = cast ? mlir::dyn_cast<mlir::BlockArgument>(cast.getOperand(0)) : mlir::BlockArgument();
    plan::StoreAttr place = plan::findStore(layer.getParentRegion()->getParentOp(), store);
    mostPositions = countMostPositions(layer.getParentRegion()->getParentOfType<mlir::ModuleOp>());
    if (place && argument && mlir::isa<plan::TaskType>(argument.getType()) && mostPositions > 0) {
      task = argument;
      type = place.getRowType();
    }
  }
  explicit operator bool() const { return bool(task); }

  int64_t getHeads() const { return heads; }
  int64_t getWidth() const { return numbers.getDimSize(0); }
  /// What positions are below.
  int64_t getMostPositions() const { return mostPositions; }

  /// The row of `head` and `position` in the sequence of row t, counted from the item's on.
  mlir::Value get(mlir::Value t, mlir::Value position, mlir::Value head) {
    mlir::Value of = heads == 1 ? layer : b.add(b.multiply(layer, heads), head);
    mlir::Value row = b.add(task.getOwner()->getArgument(1), t);
    return plan::CacheRowOp::create(b.builder, b.loc, type, task, store, row, position, of);
  }
  /// Number `i` of a row.
  mlir::Value read(mlir::Value row, mlir::Value i) {
    if (type == numbers) {
      return mlir::memref::LoadOp::create(b.builder, b.loc, row, i);
    }
    return plan::ReadNumberOp::create(b.builder, b.loc, b.builder.getF32Type(), store, row, i);
  }
  /// Writes a row of the numbers that `fill` puts into memory.
  void write(mlir::Value row, llvm::function_ref<void(mlir::Value)> fill) {
    if (type == numbers) {
      return fill(row);
    }
    mlir::Value memory = mlir::memref::AllocOp::create(b.builder, b.loc, numbers);
    fill(memory);
    plan::WriteRowOp::create(b.builder, b.loc, store, memory, row);
  }
  void put(mlir::Value value, mlir::Value memory, mlir::Value i) {
    mlir::memref::StoreOp::create(b.builder, b.loc, value, memory, i);
  }

  /// The products of `row` with `count` heads of row t of `query`, from `first` on, side by side; i ascends in each.
  llvm::SmallVector<mlir::Value> multiply(mlir::Value query, mlir::Value t, mlir::Value first, int64_t count,
                                          mlir::Value row) {
    llvm::SmallVector<mlir::Value> heads, zeros(count, b.real(0.0));
    for (int64_t j = 0; j < count; ++j) {
      heads.push_back(b.multiply(b.add(first, j), getWidth()));
    }
    return b.loop(b.index(0), b.index(getWidth()), zeros, [&](mlir::Value i, mlir::ValueRange sums) {
      mlir::Value number = read(row, i);
      llvm::SmallVector<mlir::Value> next;
      for (auto [head, sum] : llvm::zip(heads, sums)) {
        next.push_back(b.fma(b.at(query, {t, b.add(head, i)}), number, sum));
      }
      return next;
    });
  }

private:
  static int64_t countMostPositions(mlir::ModuleOp module) {
    auto facts = module ? module->getAttrOfType<mlir::DictionaryAttr>(deepseek::kModelAttr) : mlir::DictionaryAttr();
    return facts ? mlir::cast<mlir::IntegerAttr>(facts.get("max_context")).getInt() : 0;
  }

  StructuredBuilder &b;
  llvm::StringRef store;
  mlir::Value layer;
  int64_t heads;
  /// A row in f32, and as pages have it: the same, or bytes.
  mlir::MemRefType numbers, type;
  mlir::BlockArgument task;
  int64_t mostPositions;
};

} // namespace fathom

#endif // FATHOM_PASSES_LOWER_CACHEROWS_H
