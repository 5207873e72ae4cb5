// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What functions of entry points look like before they are planned.

#include "passes/support/EntryPoints.h"

#include "dialects/plan/Plan.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

StringRef getInputName(BlockArgument argument) {
  auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kInputAttr);
  return name ? name.getValue() : StringRef();
}

BlockArgument getInput(func::FuncOp function, StringRef name) {
  auto *found = llvm::find_if(function.getArguments(), [&](BlockArgument one) { return getInputName(one) == name; });
  return found == function.args_end() ? BlockArgument() : *found;
}

CacheType getCacheType(func::FuncOp function) { return cast<CacheType>(getInput(function, kCacheInput).getType()); }

static LogicalResult verifyInputs(func::FuncOp function, bool entry) {
  for (BlockArgument argument : function.getArguments()) {
    StringRef name = getInputName(argument);
    if (name.empty() || getInput(function, name) != argument) {
      return emitError(function.getLoc(), "expects '")
             << kInputAttr << "' of its own on argument " << argument.getArgNumber() << ", but got \"" << name << "\"";
    }
  }
  for (StringRef name : {kCacheInput, kActivationInput, kLayerInput}) {
    bool expected = !entry || name == kCacheInput;
    if (bool(getInput(function, name)) != expected) {
      return emitError(function.getLoc(), "expects ")
             << (entry ? "an entry point" : "a layer") << (expected ? " with" : " without") << " input \"" << name
             << "\"";
    }
  }
  return success();
}

static LogicalResult verifyResults(func::FuncOp function, bool entry) {
  ArrayRef<Type> results = function.getResultTypes();
  bool valid = !results.empty() && results.back() == getCacheType(function) && results.size() <= 2;
  if (entry) {
    valid &= results.size() != 2 || isActivation(results.front());
  } else {
    valid &= results.size() == 2 && results.front() == getInput(function, kActivationInput).getType();
  }
  return valid ? success()
               : emitError(function.getLoc(), "expects ")
                     << (entry ? "logits, if any," : "the activation") << " and the cache as results, but got "
                     << function.getFunctionType();
}

/// A layer reads arrays of the call, whatever it is passed.
static LogicalResult verifyCalls(func::FuncOp function) {
  for (auto call : function.getOps<func::CallOp>()) {
    auto callee = function->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(call.getCallee());
    for (auto [input, passed] : llvm::zip(callee.getArguments(), call.getOperands())) {
      StringRef name = getInputName(input);
      if (plan::findCallArray(name) && passed != getInput(function, name)) {
        return call.emitOpError("expects the \"") << name << "\" of the call for those of " << call.getCalleeAttr();
      }
    }
  }
  return success();
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
  bool entry = function->hasAttr(kMaxRowsAttr);
  return failure(failed(verifyInputs(function, entry)) || failed(verifyResults(function, entry)) ||
                 failed(verifyCalls(function)) || failed(verifyCache(function)));
}

} // namespace fathom
