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

StringRef getOutputName(func::FuncOp function, unsigned result) {
  auto name = function.getResultAttrOfType<StringAttr>(result, kOutputAttr);
  return name ? name.getValue() : StringRef();
}

std::optional<unsigned> getOutput(func::FuncOp function, StringRef name) {
  for (unsigned result = 0; result < function.getNumResults(); ++result) {
    if (getOutputName(function, result) == name) {
      return result;
    }
  }
  return std::nullopt;
}

CacheType getCacheType(func::FuncOp function) { return cast<CacheType>(getInput(function, kCacheInput).getType()); }

std::optional<int64_t> getMaxPositions(func::FuncOp function) {
  if (auto positions = function->getAttrOfType<IntegerAttr>(kMaxPositionsAttr)) {
    return positions.getInt();
  }
  auto module = function->getParentOfType<ModuleOp>();
  auto facts = module ? module->getAttrOfType<DictionaryAttr>(kModelAttr) : DictionaryAttr();
  auto context = facts ? facts.getAs<IntegerAttr>("max_context") : IntegerAttr();
  return context ? std::optional(context.getInt()) : std::nullopt;
}

std::optional<int64_t> getMaxRows(func::FuncOp function) {
  std::optional<int64_t> most;
  auto add = [&](func::FuncOp entry) {
    if (auto rows = entry ? entry->getAttrOfType<IntegerAttr>(kMaxRowsAttr) : IntegerAttr()) {
      most = std::max(most.value_or(0), rows.getInt());
    }
  };
  add(function);
  if (auto module = function->getParentOfType<ModuleOp>()) {
    module.walk([&](func::CallOp call) {
      if (call.getCallee() == function.getSymName()) {
        add(call->getParentOfType<func::FuncOp>());
      }
    });
  }
  return most;
}

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
  bool valid = !results.empty() && results.back() == getCacheType(function);
  if (!entry) {
    valid &= results.size() == 2 && results.front() == getInput(function, kActivationInput).getType();
  }
  for (unsigned result = 0; valid && entry && result + 1 < results.size(); ++result) {
    StringRef name = getOutputName(function, result);
    valid &= !name.empty() && getOutput(function, name) == result;
  }
  return valid ? success()
               : emitError(function.getLoc(), "expects ")
                     << (entry ? "different outputs" : "the activation") << " and the cache as results, but got "
                     << function.getFunctionType();
}

/// A layer may rely on its rows' positions as little as those that call it.
static LogicalResult verifyPositions(func::CallOp call, func::FuncOp function, func::FuncOp callee) {
  auto limit = callee->getAttrOfType<IntegerAttr>(kMaxPositionsAttr);
  std::optional<int64_t> most = getMaxPositions(function);
  return !limit || (most && *most <= limit.getInt())
             ? success()
             : call.emitOpError("expects ")
                   << call.getCalleeAttr() << " to take rows at every position of this function, but its '"
                   << kMaxPositionsAttr << "' is " << limit.getInt();
}

/// A layer reads arrays of the call, whatever it is passed.
static LogicalResult verifyCalls(func::FuncOp function) {
  for (auto call : function.getOps<func::CallOp>()) {
    auto callee = function->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(call.getCallee());
    if (failed(verifyPositions(call, function, callee))) {
      return failure();
    }
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

LogicalResult verifyDraft(ModuleOp module) {
  auto isEntry = [](func::FuncOp function) { return function->hasAttr(kMaxRowsAttr); };
  auto entries = llvm::make_filter_range(module.getOps<func::FuncOp>(), isEntry);
  auto drafts =
      llvm::make_filter_range(entries, [](func::FuncOp entry) { return bool(getInput(entry, kHiddenInput)); });
  for (func::FuncOp draft : drafts) {
    if (draft->getAttrOfType<StringAttr>(kFormAttr) != kAbsorbedForm) {
      return emitError(draft.getLoc(), "expects a draft of the absorbed form");
    }
    for (func::FuncOp entry : entries) {
      if (!getOutput(entry, kHiddenOutput)) {
        return emitError(entry.getLoc(), "expects output \"")
               << kHiddenOutput << "\" of all entry points, since @" << draft.getName() << " drafts from it";
      }
    }
    auto isLike = [&](func::FuncOp other) {
      return getOutput(other, kLogitsOutput) == getOutput(draft, kLogitsOutput);
    };
    if (llvm::count_if(drafts, isLike) > 1) {
      return emitError(draft.getLoc(), "expects one draft with logits, and one without, but got more");
    }
  }
  return success();
}

} // namespace fathom
