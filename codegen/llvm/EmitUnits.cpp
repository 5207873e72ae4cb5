// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM IR to machine code.

#include "codegen/llvm/Units.h"
#include "dialects/support/Threads.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"

#include <atomic>
#include <mutex>

using namespace llvm;

namespace fathom::codegen {

static Error emit(Module &module, const CodeTarget &target, CodeGenFileType type, SmallVectorImpl<char> &bytes) {
  std::unique_ptr<TargetMachine> machine = target.createMachine();
  raw_svector_ostream stream(bytes);
  legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, type)) {
    return createStringError("this build of LLVM cannot emit code for the target");
  }
  passes.run(module);
  return Error::success();
}

/// The longest unit first, so that no thread begins it when the others are done.
static SmallVector<size_t> orderByCost(ArrayRef<CodeUnit> units) {
  SmallVector<size_t> order = to_vector(seq(units.size()));
  stable_sort(order, [&](size_t a, size_t b) { return units[a].cost > units[b].cost; });
  return order;
}

/// A kernel's symbol counts the kernels of its plan: without it, the same kernel is the same in all of them. What it
/// calls may begin like the symbol, but has no dot behind it.
static void dropSymbol(Module &module, StringRef symbol) {
  for (GlobalValue &value : module.global_values()) {
    StringRef name = value.getName();
    if (name.consume_front(symbol) && name.starts_with(".")) {
      value.setName(name.str());
    }
  }
}

static Error compileUnit(const CodeUnit &unit, const CodeTarget &target, CodeGenFileType type, const UnitCache *cache,
                         CompiledUnit &result) {
  LLVMContext context;
  Expected<std::unique_ptr<Module>> module = readUnit(unit, target, context);
  if (!module) {
    return module.takeError();
  }
  result.symbol = unit.symbol;
  dropSymbol(**module, result.symbol);
  std::string key = cache ? cache->computeKey(**module, target, type) : "";
  if (cache && cache->read(key, result.bytes)) {
    return Error::success();
  }
  Error error = optimizeUnit(**module, unit, target);
  if (!error) {
    error = emit(**module, target, type, result.bytes);
  }
  if (!error && cache) {
    cache->write(key, result.bytes);
  }
  return error;
}

Expected<std::string> emitAssembly(Module &module, const CodeTarget &target) {
  SmallString<0> bytes;
  if (Error error = emit(module, target, CodeGenFileType::AssemblyFile, bytes)) {
    return std::move(error);
  }
  return bytes.str().str();
}

Expected<std::vector<CompiledUnit>> emitUnits(const ModelCode &code, const CodeTarget &target, CodeGenFileType type,
                                              unsigned threads, const UnitCache *cache) {
  std::vector<CodeUnit> units = target.listUnits(code);
  SmallVector<size_t> order = orderByCost(units);
  std::vector<CompiledUnit> compiled(units.size());
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  Error result = Error::success();
  shareWork(threads, [&] {
    for (size_t i; (i = next++) < order.size();) {
      Error error = compileUnit(units[order[i]], target, type, cache, compiled[order[i]]);
      std::lock_guard<std::mutex> lock(mutex);
      result = joinErrors(std::move(result), std::move(error));
    }
  });
  if (result) {
    return std::move(result);
  }
  return compiled;
}

} // namespace fathom::codegen
