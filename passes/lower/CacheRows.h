// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cache in structured ops. Internal to the lower phase.

#ifndef FATHOM_PASSES_LOWER_CACHEROWS_H
#define FATHOM_PASSES_LOWER_CACHEROWS_H

#include "passes/lower/StructuredBuilder.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/plan/Plan.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace fathom {

/// Rows of a layer in one store of a cache that a call holds.
class CacheRows {
public:
  /// Null `call`: the cache is nobody's call, or pages do not hold the store.
  CacheRows(StructuredBuilder &b, mlir::TypedValue<deepseek::CacheType> cache, llvm::StringRef store, mlir::Value layer)
      : b(b), store(store), layer(layer), heads(cache.getType().findStore(store).getHeads()),
        numbers(mlir::MemRefType::get({cache.getType().findStore(store).getWidth()}, b.builder.getF32Type())) {
    auto cast = cache.getDefiningOp<mlir::UnrealizedConversionCastOp>();
    plan::StoreAttr place = plan::findStore(layer.getParentRegion()->getParentOp(), store);
    if (place && cast && mlir::isa<plan::CallType>(cast.getOperand(0).getType())) {
      call = cast.getOperand(0);
      type = place.getRowType();
    }
  }
  explicit operator bool() const { return bool(call); }

  int64_t getHeads() const { return heads; }
  int64_t getWidth() const { return numbers.getDimSize(0); }

  /// The row of `head` and `position` in the sequence of row t of the call.
  mlir::Value get(mlir::Value t, mlir::Value position, mlir::Value head) {
    mlir::Value of = heads == 1 ? layer : b.add(b.multiply(layer, heads), head);
    return plan::CacheRowOp::create(b.builder, b.loc, type, call, store, t, position, of);
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
  StructuredBuilder &b;
  llvm::StringRef store;
  mlir::Value layer;
  int64_t heads;
  /// A row in f32, and as pages have it: the same, or bytes.
  mlir::MemRefType numbers, type;
  mlir::Value call;
};

} // namespace fathom

#endif // FATHOM_PASSES_LOWER_CACHEROWS_H
