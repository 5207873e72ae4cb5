// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels to modules that a driver loads.

#include "codegen/llvm/Units.h"
#include "codegen/nvptx/CachingAssembler.h"
#include "codegen/nvptx/EntryPoint.h"
#include "codegen/nvptx/Target.h"
#include "dialects/support/Threads.h"
#include "fathom/artifact_abi.h"
#include "kernels/KernelBitcode.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"

#include <atomic>
#include <mutex>

using namespace llvm;

namespace fathom::codegen {

static kernels::Grid findGrid(const KernelInstance &kernel) {
  return kernels::findKernel(kernel.kernel)->grid(kernel.constants.data());
}

std::vector<CodeUnit> NvptxTarget::listUnits(const ModelCode &code) const {
  std::vector<CodeUnit> units;
  for (const KernelInstance &kernel : code.kernels) {
    units.push_back(
        {kernel.symbol, kernels::findKernelBitcode(kernel.kernel).size,
         [&](LLVMContext &context) { return buildKernelEntry(code, kernel, findGrid(kernel).threads, context); },
         nullptr});
  }
  for (const GeneratedKernel &kernel : code.generated) {
    units.push_back(
        {kernel.symbol, 0, [&](LLVMContext &context) { return buildGeneratedEntry(code, kernel, context); }, nullptr});
  }
  return units;
}

static artifact::GridT makeGrid(const KernelInstance &kernel) {
  kernels::Grid sizes = findGrid(kernel);
  artifact::GridT grid;
  grid.threads = sizes.threads;
  grid.blocks = sizes.blocks;
  grid.rows_per_block = sizes.rowsPerBlock;
  grid.dynamic_shared_bytes = sizes.sharedBytes;
  return grid;
}

/// A thread for each item.
static artifact::GridT makeGrid(const GeneratedKernel &kernel) {
  bool ofRows = kernel.items == 0;
  artifact::GridT grid;
  grid.threads = kGeneratedThreads;
  grid.blocks = ofRows ? 1 : divideCeil(kernel.items, kGeneratedThreads);
  grid.rows_per_block = ofRows ? kGeneratedThreads : FATHOM_MOST_ROWS;
  grid.scratch_bytes = kernel.scratchBytes;
  return grid;
}

/// By the names of kernels, in the order of units.
static SmallVector<std::pair<StringRef, artifact::GridT>> listGrids(const ModelCode &code) {
  SmallVector<std::pair<StringRef, artifact::GridT>> grids;
  auto add = [&](const auto &kernel) { grids.emplace_back(kernel.symbol, makeGrid(kernel)); };
  for_each(code.kernels, add);
  for_each(code.generated, add);
  return grids;
}

/// Machine code of each module; none without an assembler. Equal modules are assembled once.
static Expected<SmallVector<Assembled>> assembleAll(ArrayRef<CompiledUnit> units, StringRef processor,
                                                    const EmitOptions &options) {
  MapVector<StringRef, Assembled> distinct;
  uint64_t done = 0, total = 0;
  for (const CompiledUnit &unit : units) {
    total += distinct.try_emplace(unit.bytes).second ? unit.bytes.size() : 0;
  }
  auto reportProgress = [&] {
    if (options.progress && !options.assembler.empty()) {
      options.progress(done, total);
    }
  };
  Expected<CachingAssembler> assembler = CachingAssembler::create(processor, options);
  if (!assembler) {
    return assembler.takeError();
  }
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  bool hasFailed = false; // whatever others say would be the same
  Error result = Error::success();
  reportProgress(); // that ptxas is waited for, before its first module is done
  shareWork(options.threads, [&] {
    for (size_t i; !options.assembler.empty() && (i = next++) < distinct.size();) {
      auto &[ptx, place] = *(distinct.begin() + i);
      Expected<Assembled> assembled = assembler->assemble(ptx);
      std::lock_guard<std::mutex> lock(mutex);
      if (hasFailed || !assembled) {
        Error error = assembled.takeError();
        hasFailed ? consumeError(std::move(error)) : void(result = joinErrors(std::move(result), std::move(error)));
        hasFailed = true;
        return;
      }
      place = std::move(*assembled);
      done += ptx.size();
      reportProgress();
    }
  });
  if (result) {
    return std::move(result);
  }
  return map_to_vector(units, [&](const CompiledUnit &unit) { return distinct.lookup(unit.bytes); });
}

/// Appends a module, its text with the zero byte that a driver looks for.
static artifact::ModuleT addModule(StringRef ptx, const Assembled &assembled, std::string &bytes) {
  artifact::ModuleT module;
  module.ptx_offset = bytes.size();
  module.ptx_size = ptx.size() + 1;
  bytes.append(ptx.data(), ptx.size());
  bytes.push_back('\0');
  bytes.resize(alignTo(bytes.size(), 8));
  module.cubin_offset = bytes.size();
  module.cubin_size = assembled.cubin.size();
  bytes += assembled.cubin;
  return module;
}

Expected<ProgramCode> NvptxTarget::emit(const ModelCode &code, const EmitOptions &options,
                                        std::vector<artifact::KernelT> &kernels) const {
  auto units = emitUnits(code, *this, CodeGenFileType::AssemblyFile, options.threads, options.cache);
  if (!units) {
    return units.takeError();
  }
  Expected<SmallVector<Assembled>> assembled = assembleAll(*units, tune, options);
  if (!assembled) {
    return assembled.takeError();
  }
  ProgramCode program;
  for (auto &&[named, unit, machineCode] : zip_equal(listGrids(code), *units, *assembled)) {
    auto &[name, grid] = named;
    grid.module_ = program.modules.size();
    grid.registers = machineCode.registers;
    grid.shared_bytes = machineCode.sharedBytes;
    grid.spill_bytes = machineCode.spillBytes;
    if (!machineCode.complaint.empty()) {
      program.warnings.push_back(
          formatv("kernel '{0}' for {1} is slower than it is meant to be: {2}", name, tune, machineCode.complaint));
    }
    program.modules.push_back(addModule(unit.bytes, machineCode, program.bytes));
    auto table = find_if(kernels, [&, &symbol = name](const auto &table) { return table.name == symbol; });
    table->name = getEntryName(name);
    table->grid = std::make_unique<artifact::GridT>(std::move(grid));
  }
  return program;
}

} // namespace fathom::codegen
