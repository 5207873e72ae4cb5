// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What functions of entry points look like before they are planned.

#include "passes/support/EntryPoints.h"

#include "dialects/deepseek/DeepSeek.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// A tensor with a row for each of some tokens of the call.
static bool isRowsOf(Type type, int64_t rank, bool isElement(Type)) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == rank && isElement(tensor.getElementType()) && tensor.isDynamicDim(0) &&
         (rank == 1 || isRows(tensor));
}

static bool isIds(Type type) {
  return isRowsOf(type, 1, [](Type element) { return element.isInteger(32); });
}

static bool isActivation(Type type) {
  return isRowsOf(type, 2, [](Type element) { return element.isF32(); });
}

/// Results are an activation and the cache that the function takes as its argument of number `cache`.
static bool returnsActivation(FunctionType type, unsigned cache) {
  return type.getNumResults() == 2 && isActivation(type.getResult(0)) && isa<CacheType>(type.getInput(cache)) &&
         type.getResult(1) == type.getInput(cache);
}

/// (ids…, cache) -> cache: what an entry point without the head does.
static bool returnsCache(FunctionType type, unsigned cache) {
  return type.getNumResults() == 1 && isa<CacheType>(type.getInput(cache)) && type.getResult(0) == type.getInput(cache);
}

static bool isEntryType(FunctionType type, bool head) {
  unsigned ids = head ? 3 : 2;
  return type.getNumInputs() == ids + 1 && llvm::all_of(type.getInputs().take_front(ids), isIds) &&
         (head ? returnsActivation(type, ids) : returnsCache(type, ids));
}

static LogicalResult verifyEntryPoint(func::FuncOp function, StringRef entry) {
  FunctionType type = function.getFunctionType();
  bool head = type.getNumResults() != 1;
  if (head && function.getName() != entry) {
    return emitError(function.getLoc(), "expects the entry point '") << entry << "' to have that name";
  }
  if (!isEntryType(type, head)) {
    return emitError(function.getLoc(),
                     "expects an entry point (tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, cache) -> "
                     "(tensor<?xVxf32>, cache), or without logits and their rows, but got ")
           << type;
  }
  return success();
}

static LogicalResult verifyLayer(func::FuncOp function, StringRef entry) {
  FunctionType type = function.getFunctionType();
  auto caller = function->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(entry);
  if (!caller || !caller->hasAttr(kMaxRowsAttr)) {
    return emitError(function.getLoc(), "expects an entry point '") << entry << "' that it belongs to";
  }
  if (type.getNumInputs() != 4 || !isActivation(type.getInput(0)) || !isIds(type.getInput(1)) ||
      !returnsActivation(type, 2) || !type.getInput(3).isIndex() || type.getResult(0) != type.getInput(0)) {
    return emitError(function.getLoc(), "expects a layer (tensor<?xHxf32>, tensor<?xi32>, cache, index) -> "
                                        "(tensor<?xHxf32>, cache), but got ")
           << type;
  }
  return success();
}

CacheType getCacheType(func::FuncOp function) {
  auto isCache = [](Type type) { return isa<CacheType>(type); };
  return cast<CacheType>(*llvm::find_if(function.getArgumentTypes(), isCache));
}

/// Functions of all entry points work on the cache of one session.
static LogicalResult verifyCache(func::FuncOp function) {
  for (auto other : function->getParentOfType<ModuleOp>().getOps<func::FuncOp>()) {
    for (Type type : other.getArgumentTypes()) {
      if (isa<CacheType>(type) && type != getCacheType(function)) {
        return emitError(function.getLoc(), "expects a cache of one type in all functions, but got ")
               << getCacheType(function) << " here, and in @" << other.getName() << ' ' << type;
      }
    }
  }
  return success();
}

LogicalResult verifyEntryFunction(func::FuncOp function) {
  if (!function.getBody().hasOneBlock() || !isa<func::ReturnOp>(function.front().back())) {
    return emitError(function.getLoc(), "expects a body of one block that returns");
  }
  StringRef entry = cast<StringAttr>(function->getAttr(kEntryAttr)).getValue();
  LogicalResult valid =
      function->hasAttr(kMaxRowsAttr) ? verifyEntryPoint(function, entry) : verifyLayer(function, entry);
  return failed(valid) ? valid : verifyCache(function);
}

} // namespace fathom
